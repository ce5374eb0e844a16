"""A circuit at every granularity, as multi-granular node pruning prints it (paper 5, tables 1-6).

80 columns wide and without need of colour, as all tables for the terminal.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ._fields import Fields
from ._plain import plain
from ._summary import COUNT_HEAD, LAYER_HEAD, PART_HEAD, Summary
from ._text import clean, short
from ._values import Average


def summary_tables(metrics: Mapping[str, Any]) -> Group:
    """What a circuit keeps by granularity, in edges and parameters, layer by layer, head by head.

    Args:
        metrics: a circuit's summary, as a dictionary.

    Raises:
        RunError: it is not such a summary.
    """
    found = Summary.of(Fields(metrics, "circuit summary"))
    counts = _table("Edges and parameters", COUNT_HEAD, found.count_lines)
    if found.gone("edges") == "–":
        counts.caption = Text("The heads of this family have no edges of their own.")
    layers = [layer.cells for layer in found.layers]
    tables = (
        _table("By granularity", PART_HEAD, found.part_lines),
        counts,
        _table("Layer by layer", LAYER_HEAD, layers),
    )
    heads = Padding(Text(found.heads_words), (0, 0, 0, 2))
    title = Text(found.heads_title, style="bold")
    return Group(*(piece for table in tables for piece in (table, Text())), title, heads, Text())


def origin_table(title: str, origin: Mapping[str, Any]) -> Group:
    """Where a circuit comes from: model, task, method and its settings, replacement."""
    lines = [[short(name, 38), value] for name, value in Fields(origin, "origin").leaves()]
    table = _table(None, ("", ""), lines)
    table.columns[1].justify = "left"
    table.show_header = False
    return Group(Text(clean(title), style="bold"), table, Text())


def comparison_table(
    circuits: Sequence[tuple[str, Mapping[str, Any], Mapping[str, Any]]],
) -> Table:
    """Several circuits side by side: sparsity in edges, heads, KL, metric (paper 5, tables 2, 3).

    Args:
        circuits: name, summary and what a `verify` stage reports, of each.

    Raises:
        RunError: the dictionaries are not those.
    """
    lines, names = [], set[str]()
    for name, summary, metrics in circuits:
        found, proof = Summary.of(Fields(summary, "circuit summary")), Fields(metrics, "metrics")
        about = f"{short(clean(name))}: {proof.text('replacement')}, {short(proof.text('split'))}"
        kl = Average.of(proof.child("kl"))
        line = [about, f"{len(found.heads)}/{found.all_heads}", found.gone("edges")]
        line += [found.gone("paper_edges"), f"{kl.value:.3f}"]
        measured = proof.named("metrics")[:1]
        for metric, item in measured:
            names.add(metric)
            own, full = (Average.of(item.child(which)) for which in ("circuit", "full"))
            line += [f"{own.value:.3f}", f"{full.value:.3f}"]
        lines.append(line if measured else [*line, "–", "–"])
    head = ("circuit", "heads", "edges gone", "by pruning", "KL", "metric", "full")
    table = _table("Circuits on the task", head, lines)
    metric = f"; the metric is {', '.join(sorted(names))}" if names else ""
    table.caption = Text(
        f"KL from the full model in nats{metric}. Edges gone: as the literature counts, and by "
        "node pruning's rule."
    )
    return table


def _table(title: str | None, head: Sequence[str], lines: Sequence[Sequence[str]]) -> Table:
    table = plain(title)
    for place, name in enumerate(head):
        left = not place or name == PART_HEAD[-1]
        table.add_column(Text(name), justify="left" if left else "right", overflow="fold")
    for line in lines:  # text as it is: rich would read markup in plain strings
        table.add_row(*map(Text, line))
    return table
