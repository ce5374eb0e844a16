"""A dense model steered through a channel of a sparse one: figure 9 of paper 3."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from ._fields import Fields
from ._html import Html, details, join, name, section, table, tag
from ._plain import plain
from ._strengths import Line, strengths_chart, strengths_legend
from ._text import number, percent, span
from ._values import Average

WHAT = (
    "Probability that the dense model gives to the answer of the other prompt of a pair, while "
    "what the sparse model reads in a channel, or several, is moved towards the other prompt; "
    "strength 1 makes up the whole difference"
)


@dataclass(frozen=True)
class Row:
    """One strength."""

    strength: float
    own: Average
    other: Average
    between: Average


@dataclass(frozen=True)
class Steering:
    """One channel, or several at once, at all strengths."""

    channel: str
    moved: Average
    turned: Average
    rows: list[Row]

    @classmethod
    def of(cls, fields: Fields) -> "Steering":
        rows = [
            Row(
                row.finite("strength"),
                *(Average.of(row.child(part)) for part in ("own", "other", "between")),
            )
            for row in fields.children("rows")
        ]
        moved, turned = (Average.of(fields.child(part)) for part in ("moved", "turned"))
        return cls(fields.text("channel"), moved, turned, rows)


@dataclass(frozen=True)
class Steered:
    """What a `steer` stage reports."""

    split: str
    train: str
    n: int
    tried: int
    there: Average
    chosen: Steering
    whole: Steering
    random: list[Steering]

    @classmethod
    def of(cls, fields: Fields) -> "Steered":
        return cls(
            split=fields.text("split"),
            train=fields.text("train"),
            n=fields.whole("n"),
            tried=len(fields.children("tried")),
            there=Average.of(fields.child("counterfactual")),
            chosen=Steering.of(fields.child("steered")),
            whole=Steering.of(fields.child("whole")),
            random=[Steering.of(item) for item in fields.children("random")],
        )

    @property
    def words(self) -> str:
        found = f"found on {self.train} among {self.tried}" if self.tried > 1 else "named"
        return f"{self.split}, n = {self.n:,}, channel {self.chosen.channel} ({found})"

    @property
    def moves(self) -> list[list[str]]:
        """How far each of them moves the answer, fully patched."""
        random = sorted(self.random, key=lambda item: -abs(item.moved.value))
        rows = []
        first = [("steered", self.chosen), ("all of its place", self.whole)]
        for which, some in [*first, *(("random", item) for item in random)]:
            rows.append([which, some.channel])
            for move in (some.moved, some.turned):
                rows[-1] += [number(move.value), move.interval]
        return rows

    @property
    def strengths(self) -> list[list[str]]:
        """Both answers at every strength."""
        return [
            [
                f"{row.strength:g}",
                percent(row.own.value),
                *(
                    words
                    for part in (row.other, row.between)
                    for words in (percent(part.value), span(part.low, part.high))
                ),
            ]
            for row in self.chosen.rows
        ]

    @property
    def summary(self) -> str:
        """How far that moves it, and random channels at most."""
        words = [
            f"That moves it by {number(self.chosen.moved.value)}, and its part of both "
            f"answers by {number(self.chosen.turned.value)}",
            f"all of its place together by {number(self.whole.moved.value)} and "
            f"{number(self.whole.turned.value)}",
        ]
        if self.random:
            most = [
                number(max(abs(move.value) for move in moves))
                for moves in zip(*((item.moved, item.turned) for item in self.random), strict=True)
            ]
            words.append(f"{len(self.random)} random ones by {most[0]} and {most[1]} at most")
        return "; ".join(words)


STRENGTHS = (
    "Strength", "Own answer", "Other answer", "95% interval", "Other of both", "95% interval",
)  # fmt: skip
MOVES = ("Which", "Channel", "Moved at strength 1", "95% interval", "Of both", "95% interval")


def steered_table(metrics: Mapping[str, Any]) -> Table:
    """Strengths, and beside them random channels, from what a `steer` stage reports.

    Raises:
        RunError: the metrics are not those of such a stage.
    """
    found = Steered.of(Fields(metrics, "steer metrics"))
    drawn = plain(found.words)
    for head in STRENGTHS:
        drawn.add_column(Text(head.lower()), justify="right", overflow="fold")
    for row in found.strengths:
        drawn.add_row(*map(Text, row))
    drawn.caption = Text(
        f"{WHAT}. {found.summary}; on the other prompt itself it is {percent(found.there.value)}."
    )
    return drawn


def steered_section(stages: Sequence[tuple[str, Steered]]) -> Html:
    """Every steering as a chart, with its numbers below."""
    return section("Steered models", *(part for stage in stages for part in _parts(*stage)))


def _parts(title: str, found: Steered) -> list[Html]:
    own, other, random = found.chosen.channel, "all of its place", "random channels"
    steered = [(own, found.chosen), (other, found.whole), *((random, r) for r in found.random)]
    lines = [Line(t, [(row.strength, row.other) for row in some.rows]) for t, some in steered]
    parts = [Line(t, [(row.strength, row.between) for row in some.rows]) for t, some in steered]
    charts = (
        strengths_legend(lines),
        strengths_chart(title, lines, found.there.value, "probability of the other answer"),
        strengths_chart(title, parts, None, "its part of both answers", top=1.0),
    )
    caption = tag(
        "figcaption",
        tag("b", name(title)),
        join(
            ": ",
            name(found.words),
            f". {WHAT}. The dotted level is what it is on the other prompt. Below, its part of "
            "what both answers have together. Whiskers are 95% intervals; every random channel, or "
            "set of as many, has a curve of its own.",
        ),
    )
    own = table("By strength.", STRENGTHS, [(None, found.strengths)], label="Strengths")
    rows = [[which, name(channel), *rest] for which, channel, *rest in found.moves]
    all_ = table("By channel.", MOVES, [(None, rows)], label="Channels", words=(0, 1))
    return [tag("figure", *charts, caption), details("Numbers", own, all_)]
