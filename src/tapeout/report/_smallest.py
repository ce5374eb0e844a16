"""How small circuits of several models can be, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from ._fields import Fields
from ._html import Html, join, name, section, table, tag
from ._plain import plain
from ._text import accuracy_words, capital, clean, metric_words, percent, share, universe_words
from ._values import Share


@dataclass(frozen=True)
class Reached:
    """The smallest circuits under one replacement; None where no size was enough."""

    replacement: str
    full: Share
    absolute: tuple[int, float] | None
    relative: tuple[int, float] | None


@dataclass(frozen=True)
class Smallest:
    """What a `smallest` stage found."""

    target: float
    nodes: int
    universe: str
    split: str
    criterion: str
    found: list[Reached]

    @classmethod
    def of(cls, fields: Fields) -> "Smallest":
        entries = fields.named("replacements")
        first = entries[0][1] if entries else fields
        return cls(
            target=fields.finite("target"),
            nodes=fields.whole("nodes"),
            universe=fields.text("universe"),
            split=first.text("split"),
            criterion=first.text("criterion"),
            found=[
                Reached(
                    what,
                    Share.of(item.child("full")),
                    _point(item, "absolute"),
                    _point(item, "relative"),
                )
                for what, item in entries
            ],
        )

    @property
    def about(self) -> str:
        return (
            f"Smallest circuits, out of {self.nodes:,} nodes ({universe_words(self.universe)}), "
            f"that keep {percent(self.target)}"
        )

    @property
    def words(self) -> str:
        return f"{self.about}: {self.measured}"

    @property
    def measured(self) -> str:
        return f"{self.split}, {metric_words(self.criterion)}"


HEAD = ("replacement", "full model", "smallest", "relative")
WHAT = (
    "The smallest keeps that accuracy itself; relative is to the model's own accuracy, which "
    "conditioning changes too. A size counts if every larger one that was measured keeps the "
    "target."
)


def _point(fields: Fields, key: str) -> tuple[int, float] | None:
    if key not in fields:
        return None
    point = fields.child(key)
    return point.whole("size"), point.finite("share")


def _cells(reached: Reached) -> list[str]:
    cells = [reached.replacement, percent(reached.full.value)]
    for point in (reached.absolute, reached.relative):
        cells.append(f"{point[0]:,} ({share(point[1])})" if point else "none")
    return cells


def smallest_table(stages: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    """All `smallest` stages of a run, by the model that they measured.

    Raises:
        RunError: the metrics are not those of such stages.
    """
    names = [(clean(title), metrics) for title, metrics in stages]
    read = [(title, Smallest.of(Fields(m, f"smallest metrics {title}"))) for title, m in names]
    drawn = plain(read[0][1].words)
    drawn.add_column(Text("stage"), overflow="fold")
    for place, head in enumerate(HEAD):
        drawn.add_column(Text(head), justify="right" if place else "left", overflow="fold")
    for title, found in read:
        for place, reached in enumerate(found.found):
            drawn.add_row(*map(Text, ["" if place else title, *_cells(reached)]))
    drawn.caption = Text(WHAT)
    return drawn


def smallest_sentences(named: Sequence[tuple[str, Smallest]]) -> list[Html]:
    """What is the smallest in the first model, under the first replacement; the range over all.

    A size keeps a target if every larger one does, too.
    """
    title, first = named[0]
    if not first.found:
        return [join("No circuit has been measured yet.")]
    found = first.found[0]
    goal = join(
        f"{percent(first.target)} ",
        name(accuracy_words(first.criterion)),
        " on ",
        name(first.split),
        f" (n = {found.full.n:,}, ",
        name(found.replacement),
        " replacement)",
    )
    others = [
        reached.absolute[0]
        for _, other in named[1:]
        for reached in other.found[:1]
        if reached.absolute and reached.replacement == found.replacement
    ]
    one = len(named) == 2
    some = "in the other one" if one else f"in {len(others)} of the {len(named) - 1} others"
    if found.absolute is None:
        rest = f"; {some} {_ends(others)} nodes do" if others else ""
        return [join("In ", name(title), " no measured size of circuits keeps ", goal, rest, ".")]
    size, part = found.absolute
    enough = f" a circuit of {size:,} of {first.nodes:,} nodes, {share(part)}, is enough for "
    said = [join("In ", name(title), enough, goal, ".")]
    if 0 < len(others) == len(named) - 1:
        ends = _ends([size, *others])
        said.append(join(f"The smallest circuits of all {len(named)} models have {ends} nodes."))
    elif len(named) > 1:
        are = f"{some} {_ends(others)} nodes are, " if others else ""
        where = "in the rest" if others else "in the other one" if one else "in the others"
        said.append(join(capital(f"{are}{where} no measured size is.")))
    return said


def _ends(sizes: Sequence[int]) -> str:
    return " to ".join(f"{size:,}" for size in sorted({min(sizes), max(sizes)}))


def smallest_section(stages: Sequence[tuple[str, Smallest]]) -> Html:
    """All of them as one table of the page."""
    if not stages:
        return Html()
    groups = [
        (
            join(tag("b", name(title)), ": ", name(found.measured)),
            [_cells(reached) for reached in found.found],
        )
        for title, found in stages
    ]
    head = [capital(word) for word in HEAD]
    ways = {found.words for _, found in stages}
    first = stages[0][1]
    caption = join(name(first.words if len(ways) == 1 else first.about), f". {WHAT}")
    return section("Smallest circuits", table(caption, head, groups, label="Smallest circuits"))
