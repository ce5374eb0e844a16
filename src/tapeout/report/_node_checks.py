"""What stages report that look at a circuit's nodes one by one."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from ._fields import Fields
from ._html import Html, code, details, isolated, join, name, section, table, tag
from ._plain import plain
from ._text import number, setting_words
from ._values import Average
from ._weights_view import seen

MOST = 30
"""Rows of a table that are shown; results.json has them all."""

_MISSING = "–"


def _inverse(fields: Fields) -> list[tuple[str, Average]]:
    """What was run, and the loss then."""
    found = fields.child("inverse")
    names = {"full": "full model", "circuit": "circuit alone", "without": "model without it"}
    rows = [(words, Average.of(found.child(key))) for key, words in names.items()]
    return rows + [
        ("model without a random circuit", Average.of(item)) for item in found.children("random")
    ]


def checks_table(metrics: Mapping[str, Any]) -> Table:
    """Inverse pruning and binary nodes, from what a `checks` stage reports.

    Raises:
        RunError: the metrics are not those of such a stage.
    """
    fields = Fields(metrics, "checks metrics")
    drawn = plain(f"Loss on {fields.text('split')}, n = {fields.whole('n'):,}")
    for place, head in enumerate(("what runs", "nats [95% interval]")):
        drawn.add_column(Text(head), justify="right" if place else "left", overflow="fold")
    rows = _inverse(fields) if "inverse" in fields else []
    for words, loss in rows + _binary(fields):
        drawn.add_row(Text(words), Text(str(loss)))
    return drawn


def _binary(fields: Fields) -> list[tuple[str, Average]]:
    if "binary" not in fields:
        return []
    found = fields.child("binary")
    names = {"first": "circuit of two-valued nodes, first search", "binary": "and trained"}
    return [(words, Average.of(found.child(key))) for key, words in names.items()]


def checks_section(stages: Sequence[tuple[str, Fields]]) -> Html:
    """All of them, one after the other."""
    return section("Node by node", *(_checks(title, fields) for title, fields in stages))


def _checks(title: str, fields: Fields) -> Html:
    where = join(name(fields.text("split")), f", n = {fields.whole('n'):,}")
    parts = [tag("h3", name(title))]
    losses = (_inverse(fields) if "inverse" in fields else []) + _binary(fields)
    if losses:
        caption = join("Loss in nats on ", where, ", 95% intervals; ", _replaced(fields), ".")
        rows = [[words, str(loss)] for words, loss in losses]
        head = ["What runs", "Loss"]
        parts.append(table(caption, head, [(None, rows)], label=f"Losses of {isolated(title)}"))
    text = ""
    if "text" in fields:
        text = join(name(fields.text("text")), f", n = {fields.whole('text_n'):,}")
    for key, (words, columns, place) in _TABLES.items():
        if key in fields:
            on = join(words, " (", (where, text or where)[place], ").")
            label = f"{key} of {isolated(title)}"
            parts.append(_table(fields.child(key), on, columns, label))
    if "contexts" in fields:
        parts.append(_contexts(fields.child("contexts"), text or where, title))
    return join(*parts)


def _replaced(fields: Fields) -> Html:
    found = fields.child("inverse" if "inverse" in fields else "binary")
    return name(setting_words(found.text("replacement"), found.text("reference")))


_TABLES: dict[str, tuple[str, dict[str, str], int]] = {
    "effects": (
        "Rise of the loss, in nats, when a node alone is replaced",
        {"node": "Node", "in_circuit": "In the circuit", "in_model": "In the full model"},
        0,
    ),
    "constants": (
        "Rise of the loss on text, in nats a token, with a query held at its mean or at zero",
        {"node": "Query", "constant": "Constant", "zero": "Zero"},
        1,
    ),
    "redundancy": (
        "Writes that follow each other on a stream channel: rise of the loss on text, in nats a "
        "token, with the later one on the line through the earlier, or at zero; and the circuit’s "
        "loss on the task without the later one, and with the earlier one scaled up for it",
        {
            "node": "Later",
            "earlier": "Earlier",
            "correlation": "Correlation",
            "linear": "On the line",
            "zero": "Zero",
            "dropped": "Without",
            "rescaled": "Rescaled",
        },
        1,
    ),
    "kurtosis": (
        "Kurtosis of channels over tokens; 3 is a Gaussian’s",
        {
            "site": "Site",
            "channels": "Channels",
            "mean": "Mean",
            "median": "Median",
            "circuit": "In the circuit",
            "circuit_median": "Their median",
        },
        1,
    ),
}
"""Key -> what it says, its columns, and whether it was measured on the task (0) or text (1)."""

_NAMES = ("node", "earlier", "site")


def _table(fields: Fields, caption: Html, columns: Mapping[str, str], label: str) -> Html:
    rows = fields.children("rows")
    if not rows:
        return Html()
    cells = [[_cell(row, key) for key in columns] for row in rows]
    words = [place for place, key in enumerate(columns) if key in _NAMES]
    head = [*columns.values()]
    shown = table(caption, head, [(None, cells[:MOST])], label=label, words=words)
    if len(cells) <= MOST:
        return shown
    rest = table("The others.", head, [(None, cells[MOST:])], label=label, words=words)
    return join(shown, details(f"{len(cells) - MOST:,} more rows", rest))


def _cell(row: Fields, key: str) -> str:
    if key in _NAMES:
        return code(row.text(key))
    if key not in row:
        return _MISSING
    if key in ("channels", "circuit"):
        return f"{row.whole(key):,}"
    if key in ("correlation", "mean", "median", "circuit_median"):
        return number(row.number(key))
    return str(Average.of(row.child(key)))


def _contexts(fields: Fields, where: str, title: str) -> Html:
    groups = []
    for node in fields.children("rows"):
        rows = [
            [f"{shown.number('percentile'):g}%", number(c.number("activation")), _context(c)]
            for shown in node.children("percentiles")
            for c in shown.children("contexts")
        ]
        groups.append((code(node.text("node")), rows))
    if not groups:
        return Html()
    caption = join("Tokens at which nodes are at a percentile of their activations (", where, ").")
    head = ["Percentile", "Activation", "Token in its context"]
    label = f"Contexts of {isolated(title)}"
    shown = table(caption, head, groups[:MOST], label=label, words=(0, 2))
    more = f", the first {MOST} of {len(groups):,} nodes" if len(groups) > MOST else ""
    return details(f"Activations on text{more}", shown)


def _context(fields: Fields) -> Html:
    before, token, after = (seen(fields.text(key)) for key in ("before", "token", "after"))
    return tag("code", tag("bdi", before), tag("mark", tag("bdi", token)), tag("bdi", after))
