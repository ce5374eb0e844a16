"""Circuits put together from local ones, and masks by regime."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from ._fields import Fields, damaged
from ._html import Html, join, name, section, table, tag
from ._plain import plain
from ._text import capital, percent, share, span
from ._values import Share

HEAD = ("circuit", "nodes", "share", "accuracy", "95% interval", "n")


@dataclass(frozen=True)
class Line:
    """One circuit, or several that take turns, and how often it is right."""

    what: str
    size: int
    share: float | None
    accuracy: Share

    @property
    def cells(self) -> list[str]:
        part = share(self.share) if self.share is not None else ""
        bounds = span(self.accuracy.low, self.accuracy.high)
        cells = [self.what, f"{self.size:,}", part, percent(self.accuracy.value), bounds]
        return [*cells, f"{self.accuracy.n:,}"]


@dataclass(frozen=True)
class Composed:
    """What a `compose` or a `route` stage found: groups of lines, each under a heading."""

    about: str
    groups: list[tuple[str, list[Line]]]

    @property
    def filled(self) -> list[int]:
        """The columns that a line has something in."""
        lines = [line for _, own in self.groups for line in own]
        return [place for place in range(len(HEAD)) if any(line.cells[place] for line in lines)]

    @classmethod
    def of_trials(cls, fields: Fields) -> "Composed":
        """Local circuits on their own decisions, then every trial on the whole task."""
        local = [
            Line(item.text("interface"), item.whole("size"), item.finite("share"), recovered)
            for item in fields.children("interfaces")
            for recovered in [Share.of(item.child("recovery"))]
        ]
        trials = [
            Line(
                item.text("trial") + (", in turns" if item.flag("routed") else ""),
                item.whole("size"),
                item.finite("share"),
                Share.of(item.child("autoregressive")),
            )
            for item in fields.children("trials")
        ]
        groups = [("Local decisions, each on its own pairs", local), ("The whole task", trials)]
        return cls(_about(fields), groups)

    @classmethod
    def of_regimes(cls, fields: Fields) -> "Composed":
        """Every way to give regimes masks, over all examples and in each regime."""
        groups = []
        for routing in fields.children("routings"):
            sizes, regimes = dict(routing.child("sizes").counts()), routing.named("by_regime")
            if sizes.keys() != dict(regimes).keys():
                raise damaged(f"{routing.where}.sizes", "of the regimes")
            lines = [
                Line(
                    "all regimes", routing.whole("size"), None, Share.of(routing.child("overall"))
                ),
                *(Line(regime, sizes[regime], None, Share.of(item)) for regime, item in regimes),
            ]
            groups.append((f"{routing.text('routing')} masks", lines))
        return cls(f"by {fields.text('stratum')}; {_about(fields)}", groups)


def _about(fields: Fields) -> str:
    split, replacement = fields.text("split"), fields.text("replacement")
    return f"accuracy of circuits alone, {split}, {replacement} replacement"


def composed_table(metrics: Mapping[str, Any], *, regimes: bool = False) -> Table:
    """The lines, from what a `compose` or a `route` stage reports.

    Raises:
        RunError: the metrics are not those of such a stage.
    """
    fields = Fields(metrics, "compose metrics")
    found = Composed.of_regimes(fields) if regimes else Composed.of_trials(fields)
    drawn = plain(("masks " if regimes else "circuits put together: ") + found.about)
    for place in found.filled:
        drawn.add_column(Text(HEAD[place]), justify="right" if place else "left", overflow="fold")
    for title, lines in found.groups:
        drawn.add_row(Text(title))
        for line in lines:
            drawn.add_row(*(Text(line.cells[place]) for place in found.filled))
    return drawn


def composed_section(title: str, stages: Sequence[tuple[str, Composed]]) -> Html:
    """All stages of one kind, a table each."""
    parts = []
    for stage, found in stages:
        head = [capital(HEAD[place]) for place in found.filled]
        groups = [
            (name(words), [[name(line.cells[place]) for place in found.filled] for line in lines])
            for words, lines in found.groups
        ]
        caption = join(tag("b", name(stage)), ": ", name(found.about))
        parts.append(table(caption, head, groups, label=title))
    return section(title, *parts)
