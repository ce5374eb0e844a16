"""Between directions and circuits: models tuned in a span, and what circuits hold of directions."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from ._both import Both
from ._conditioned import Kept
from ._fields import Fields
from ._html import Html, section
from ._text import clean, number, percent, share
from ._values import Average

Named = Sequence[tuple[str, Fields]]


def tuned(stages: Named) -> Both:
    """What training in the span of directions did, from `span` stages."""
    rows = []
    for title, fields in stages:
        others = [Kept.of(name, item) for name, item in fields.named("others")]
        for kept in [Kept.of("", fields.child("on_task")), *others]:
            rows.append(
                [
                    title,
                    f"{fields.whole('steps'):,}",
                    f"{len(fields.numbers('directions')):,}",
                    percent(fields.finite("moved"), 2),
                    kept.split,
                    f"{kept.base.n:,}",
                    percent(kept.base.value),
                    percent(kept.changed.value),
                    f"{number(kept.kl.value)} {kept.kl.interval}",
                ]
            )
    heads = ["Stage", "Steps", "Directions", "Moved by", "Test split", "n"]
    heads += ["Base", "Tuned", "KL"]
    note = (
        "One coefficient a direction was trained, on the train split. Moved by: how far the "
        "weights that the directions are over are from the base, as a part of their norm; KL from "
        "the base, in nats a token of the answer, with a 95% interval."
    )
    return Both("Models tuned in the span of directions", heads, rows, note, words=(0, 4))


def covered(stages: Named) -> Both:
    """How much of directions circuits hold, from `coverage` stages."""
    rows = []
    for title, fields in stages:
        own, random = (Average.of(fields.child(key)) for key in ("share", "random"))
        size, nodes = fields.whole("size"), fields.whole("nodes")
        directions = len(fields.children("rows"))
        row = [title, fields.text("task", ""), f"{directions:,}", f"{size:,}", share(size / nodes)]
        rows.append([*row, _parts(own), _parts(random), percent(fields.finite("above"))])
    heads = ["Stage", "Circuit of", "Directions", "Nodes", "Of all"]
    heads += ["Energy in it", "In random ones", "Random as high"]
    note = (
        "Energy in it: the part of the directions' squared length in the weights of nodes in play "
        "that belongs to the circuit's nodes, mean over directions with a 95% bootstrap "
        "interval. Random circuits have as many nodes in every layer and site: their mean, the "
        "range in which 95% of them lie, and the part of them that holds as much."
    )
    return Both("What circuits hold of directions", heads, rows, note, words=(0, 1))


def _parts(found: Average) -> str:
    value, low, high = (percent(x) for x in (found.value, found.low, found.high))
    return f"{value} [{low}, {high}]"


def held(stages: Named) -> Both:
    """Which nodes hold directions' energy, from `energy` stages."""
    rows = []
    for title, fields in stages:
        top = [
            f"{percent(part)} in\u00a0{_count(count)}" for count, part in _parts_by_count(fields)
        ]
        strongest = [
            f"{row.text('node')}\u00a0({percent(row.finite('energy'))})"
            for row in fields.children("strongest")[:5]
        ]
        directions, outside = fields.numbers("directions"), fields.finite("outside")
        row = [title, f"{len(directions):,}", f"{fields.whole('nodes'):,}", percent(outside)]
        rows.append([*row, ", ".join(top), ", ".join(strongest)])
    heads = ["Stage", "Directions", "Nodes", "In none", "In so many nodes", "Strongest nodes"]
    note = (
        "In none: the part of the directions' squared length in weights that belong to no node in "
        "play. In so many nodes: which part of the rest the top nodes hold."
    )
    return Both("Nodes that hold directions", heads, rows, note, words=(0, 4, 5))


def _parts_by_count(fields: Fields) -> list[tuple[str, float]]:
    top = fields.child("top")
    return [(count, top.finite(count)) for count, _ in top.leaves()]


def _count(text: str) -> str:
    return f"{int(text):,}" if text.isdecimal() and len(text) < 10 else text


SPANNED = {"energy": held, "coverage": covered, "span": tuned}


def spanned_table(kind: str, stages: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    """The table of all stages of one of these kinds, by their names.

    Raises:
        RunError: the metrics are not those of such stages.
    """
    read = [
        (clean(name), Fields(metrics, f"{kind} metrics {clean(name)}")) for name, metrics in stages
    ]
    return SPANNED[kind](read).drawn()


def spanned_section(by_kind: Mapping[str, Named]) -> Html:
    """Both, in the order in which they are done."""
    tables = [make(by_kind[kind]).html() for kind, make in SPANNED.items() if by_kind.get(kind)]
    return section("Directions and circuits", *tables)
