"""Bridges between a dense and a sparse model: how good runs are that go over at every place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from ._curve import loss_curve
from ._fields import Fields
from ._html import Html, join, name, section, table, tag
from ._plain import plain
from ._text import number
from ._values import Average

TERMS = {
    "loss": "cross-entropy of the sparse model",
    "to_sparse": "KL of runs that end in the sparse model, summed over places",
    "to_dense": "KL of runs that end in the dense model, summed over places",
}
WAYS = (("to_sparse", "to sparse"), ("to_dense", "to dense"))
HEAD = ("Before", "From there", "Loss above dense", "95% interval", "KL", "Error")
WHAT = (
    "Runs that start in one model and end in the other, from the sublayer named on. Loss and KL "
    "from the dense model's predictions in nats a token of held-out text; error of what the bridge "
    "gives, as a part of what it should"
)


@dataclass(frozen=True)
class Crossing:
    """Runs that go over at one place, one way."""

    place: str
    way: str
    above: Average
    kl: Average
    error: float

    @property
    def cells(self) -> list[str]:
        return [
            self.place,
            self.way,
            number(self.above.value),
            self.above.interval,
            number(self.kl.value),
            number(self.error),
        ]


@dataclass(frozen=True)
class Bridged:
    """What a `bridge` stage reports of its bridges."""

    tokens: int
    dense: Average
    sparse: Average
    crossings: list[Crossing]
    curve: list[tuple[str, list[tuple[int, float]]]]

    @classmethod
    def of(cls, fields: Fields) -> "Bridged":
        points = fields.children("curve")
        return cls(
            tokens=fields.whole("crossed_tokens"),
            dense=Average.of(fields.child("dense_loss")),
            sparse=Average.of(fields.child("sparse_loss")),
            crossings=[some for place in fields.children("places") for some in _both(place)],
            curve=[
                (words, [(p.whole("step"), p.finite(term)) for p in points if term in p])
                for term, words in TERMS.items()
            ],
        )

    @property
    def words(self) -> str:
        alone = number(self.dense.value), number(self.sparse.value)
        return (
            f"n = {self.tokens:,} tokens; alone, the dense model's loss is {alone[0]} and the "
            f"sparse one's {alone[1]}"
        )


def _both(fields: Fields) -> list[Crossing]:
    place = f"{fields.text('before')} {fields.whole('layer')}"
    return [
        Crossing(
            place=place,
            way=words,
            above=Average.of(fields.child(way).child("above")),
            kl=Average.of_kl(fields.child(way).child("kl")),
            error=fields.child(way).finite("nmse"),
        )
        for way, words in WAYS
    ]


def bridged_table(metrics: Mapping[str, Any]) -> Table:
    """All crossings, from what a `bridge` stage reports.

    Raises:
        RunError: the metrics are not those of such a stage.
    """
    found = Bridged.of(Fields(metrics, "bridge metrics"))
    drawn = plain(f"bridges, {found.words}")
    for place, head in enumerate(HEAD):
        justify = "left" if place < 2 else "right"
        drawn.add_column(Text(head.lower()), justify=justify, overflow="fold")
    for crossing in found.crossings:
        drawn.add_row(*map(Text, crossing.cells))
    drawn.caption = Text(f"{WHAT}.")
    return drawn


def bridged_section(stages: Sequence[tuple[str, Bridged]]) -> Html:
    """The crossings of every run's bridges, and their losses over the training."""
    parts: list[Html] = []
    for title, found in stages:
        rows = [[name(some.place), *some.cells[1:]] for some in found.crossings]
        caption = join(tag("b", name(title)), f": {WHAT} ({found.words}).")
        parts.append(table(caption, HEAD, [(None, rows)], label="Bridges", words=(0, 1)))
        parts.append(loss_curve(title, found.curve, "the losses that bridges are trained by."))
    return section("Bridges", *parts)
