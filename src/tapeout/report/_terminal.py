"""What stages report as tables for the terminal, 80 columns wide and without need of colour."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ._amplified import AMPLIFIED, amplified_tables
from ._bridged import bridged_table
from ._composed import composed_table
from ._conditioned import conditioned_table
from ._decomposed import directions_tables, learned_table
from ._evidence import Evidence, Row
from ._fields import Fields
from ._measures import MEASURES
from ._node_checks import checks_table
from ._plain import plain
from ._smallest import smallest_table
from ._spanned import SPANNED, spanned_table
from ._steered import steered_table
from ._text import accuracy_words, clean, number, part_words, percent, ratio, share, span
from ._toys import toys_table
from ._trained import trained_table
from ._transfer import transfer_table
from ._values import Kept
from ._views import Frontier, Sizes, Speed, Worth
from ._weights import mean_table, weights_table

_BLOCKS = "▁▂▃▄▅▆▇"
_LAYERS_A_LINE = 40


def tables_of(stages: Mapping[str, Mapping[str, Any]]) -> list[RenderableType]:
    """The tables of some stages, as the `stages` of `results.json` hold them by name.

    Stages that have no table are passed over.

    Raises:
        RunError: a stage's metrics are not those of its kind.
    """
    one = {
        "task": worth_table,
        "select": sizes_table,
        "circuit": sizes_table,
        "verify": evidence_table,
        "measure": speed_table,
        "weight_edges": weights_table,
        "mean_size": mean_table,
        "checks": checks_table,
        "condition": conditioned_table,
        "bridge": bridged_table,
        "steer": steered_table,
        "directions": directions_tables,
        "transfer": transfer_table,
        "compose": composed_table,
        "route": partial(composed_table, regimes=True),
    }
    together = {
        kind: [(n, s["metrics"]) for n, s in stages.items() if s["kind"] == kind]
        for kind in ("frontier", "smallest", "train", "decompose", "toy", *SPANNED, *AMPLIFIED)
    }
    whole = {"frontier": frontier_table, "smallest": smallest_table, "train": trained_table}
    whole |= {"decompose": learned_table, "toy": toys_table}
    whole |= {kind: partial(spanned_table, kind) for kind in SPANNED}
    whole |= {kind: partial(amplified_tables, kind) for kind in AMPLIFIED}
    tables: list[RenderableType] = []
    for stage in stages.values():
        kind, metrics = stage["kind"], stage["metrics"]
        if kind in one:
            tables.append(one[kind](metrics))
        elif together.get(kind):
            tables.append(whole[kind](together.pop(kind)))
    return tables


def worth_table(metrics: Mapping[str, Any]) -> Table:
    """How well the full model does a task, from the `worth` of what a `task` stage reports.

    Raises:
        RunError: the metrics are not those of such a stage.
    """
    worth = Worth.of(Fields(metrics, "task metrics").child("worth"))
    accuracy = worth.accuracy
    table = plain(f"Full model on {worth.split}, n = {accuracy.n:,}")
    _columns(table, "metric", "value", "95% interval", "right")
    bounds, counts = span(accuracy.low, accuracy.high), f"{accuracy.right:,}/{accuracy.n:,}"
    _line(table, accuracy_words(worth.criterion), percent(accuracy.value), bounds, counts)
    for name, average in worth.metrics:
        _line(table, name, number(average.value), average.interval, "")
    return table


def frontier_table(frontiers: Sequence[tuple[str, Mapping[str, Any]]]) -> Group:
    """Accuracy over circuit size, from what `frontier` stages report, by their names.

    An arrow marks the smallest size that keeps the target.

    Raises:
        RunError: the metrics are not those of such stages.
    """
    read = [
        (clean(n), Frontier.of(Fields(m, f"frontier metrics {clean(n)}"))) for n, m in frontiers
    ]
    return _apart([_frontier(name, found) for name, found in read])


def _frontier(name: str, found: Frontier) -> Table:
    setting = found.setting
    table = plain(f"{name}: {setting.split}, {setting.words}")
    _columns(table, "nodes", "share", setting.criterion, "95% interval", "right", "")
    for point in found.points:
        accuracy = point.accuracy
        mark = f"<- keeps {percent(found.bar)}" if point.size == found.smallest else ""
        bounds, counts = span(accuracy.low, accuracy.high), f"{accuracy.right:,}/{accuracy.n:,}"
        cells = share(point.share), percent(accuracy.value), bounds, counts, mark
        _line(table, f"{point.size:,}", *cells)
    full = found.full
    bounds, counts = span(full.low, full.high), f"{full.right:,}/{full.n:,}"
    _line(table, "full model", "", percent(full.value), bounds, counts, "")
    if found.smallest is None:
        table.caption = Text(f"no size keeps the target of {percent(found.bar)}")
    return table


def evidence_table(metrics: Mapping[str, Any]) -> Group:
    """A circuit beside its controls, from what a `verify` stage reports.

    Raises:
        RunError: the metrics are not those of such a stage.
    """
    found = Evidence.of(Fields(metrics, "verify metrics"))
    setting, sizes = found.setting, found.sizes
    table = plain(
        f"{setting.split}, n = {found.n:,}, {setting.words}; "
        f"circuit of {sizes.words} ({share(sizes.share)})"
    )
    _columns(table, "model", setting.criterion, "95% interval", "right")
    for row in found.rows():
        _line(table, _label(row), percent(row.value), row.bounds, row.counts)
    if found.leaks:
        leak = f"The empty circuit gets {percent(found.empty.value)}: the replacement leaks."
        table.caption = Text(leak)
    measured = plain(None)
    _columns(measured, "metric", "full model", "circuit")
    _line(measured, "KL from the full model, nats", "-", str(found.kl))
    for name, full, own in found.metrics:
        _line(measured, name, str(full), str(own))
    for name, own in found.calibrated:
        _line(measured, name, "-", own)
    return _apart([table, measured])


def _label(row: Row) -> str:
    return f"{row.label} ({row.note})" if row.note else row.label


def sizes_table(metrics: Mapping[str, Any]) -> Group:
    """How much of each part and layer a circuit keeps, from what a `select` stage reports.

    Layers go from the first on the left; a block is as high as the share that is kept. Only a
    full block keeps all, only a dot keeps nothing.

    Raises:
        RunError: the metrics are not those of such a stage.
    """
    sizes = Sizes.of(Fields(metrics, "select metrics"))
    table = plain(f"Circuit of {sizes.words}, {share(sizes.share)} of the universe")
    _columns(table, "part", "kept", "of", "share")
    for part, kept in sizes.parts:
        cells = f"{kept.kept:,}", f"{kept.total:,}", share(kept.share)
        _line(table, f"{part_words(part)} ({part})", *cells)
    layers = plain(None)
    _columns(layers, "part", "layers", "")
    layers.columns[2].justify = "left"
    for part, kept in sizes.layers.items():
        words = part_words(part)
        for first in range(0, len(kept), _LAYERS_A_LINE):
            some = kept[first : first + _LAYERS_A_LINE]
            _line(layers, words, f"{some[0][0]}-{some[-1][0]}", "".join(_block(k) for _, k in some))
            words = ""
    return _apart([table, layers] if sizes.layers else [table])


def _block(kept: Kept) -> str:
    if not kept.kept:
        return "·"
    if kept.share >= 1:
        return "█"
    return _BLOCKS[min(int(kept.share * len(_BLOCKS)), len(_BLOCKS) - 1)]


def speed_table(metrics: Mapping[str, Any]) -> Table:
    """Full, masked and extracted model side by side, from what a `measure` stage reports.

    Raises:
        RunError: the metrics are not those of such a stage.
    """
    speed = Speed.of(Fields(metrics, "measure metrics"))
    full = speed.model("full")
    table = plain(f"{speed.rows:,} prompts of {speed.length:,} tokens as one batch")
    _columns(table, "", *(text for m in speed.models for text in _head(m.what)))
    for words, field, written in MEASURES:
        cells: list[str] = []
        for model in speed.models:
            value = getattr(model, field)
            cells.append(written(value))
            if model.what != "full":
                cells.append(f"×{ratio(value, getattr(full, field))}" if full else "")
        _line(table, words, *cells)
    table.caption = Text(f"{speed.timing}\n{speed.agreement}")
    return table


def _apart(tables: Sequence[Table]) -> Group:
    """Tables with an empty line between them."""
    lines = [part for table in tables for part in (Text(), table)]
    return Group(*lines[1:])


def _head(what: str) -> list[str]:
    return [what] if what == "full" else [what, ""]


def _columns(table: Table, first: str, *others: str) -> None:
    table.add_column(Text(first), overflow="fold")
    for other in others:
        table.add_column(Text(other), justify="right", overflow="fold")


def _line(table: Table, *cells: str) -> None:
    """A row of text as it is: rich would read markup in plain strings."""
    table.add_row(*map(Text, cells))
