"""What a conditioned model lost and kept, as a view, a section of the page and a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from ._curve import loss_curve
from ._fields import Fields
from ._html import Html, details, join, name, section, table, tag
from ._plain import plain
from ._text import number, percent, share, span
from ._values import Average, Share

WHAT = "KL is from the base's next-token distribution, in nats a token of the answer."

TERMS = {
    "ce": "cross-entropy on the task",
    "kl": "KL from the base on the task",
    "anchor": "KL from the base on the anchors",
    "masked": "cross-entropy with the circuit alone",
}


@dataclass(frozen=True)
class Kept:
    """One task or text, before and after."""

    name: str
    split: str
    base: Share
    changed: Share
    kl: Average

    @classmethod
    def of(cls, title: str, fields: Fields) -> "Kept":
        return cls(
            name=title,
            split=fields.text("split"),
            base=Share.of(fields.child("base")),
            changed=Share.of(fields.child("changed")),
            kl=Average.of_kl(fields.child("kl_to_base")),
        )


@dataclass(frozen=True)
class Scale:
    """One merge scale."""

    scale: float
    accuracy: Share
    kl: Average
    recovery: list[tuple[str, Share]]


@dataclass(frozen=True)
class Conditioned:
    """A conditioned model: what of the change was taken, and what that did."""

    source: str
    scale: float
    held: bool
    degenerate: bool
    target: float
    channels: float | None
    split: str
    train: str
    n: int
    steps: int
    scales: list[Scale]
    tasks: list[Kept]
    curve: list[tuple[str, list[tuple[int, float]]]]

    @classmethod
    def of(cls, fields: Fields) -> "Conditioned":
        sweep = fields.child("sweep")
        others = [Kept.of(title, item) for title, item in fields.named("others")]
        return cls(
            source=fields.text("source"),
            scale=fields.finite("scale"),
            held=fields.flag("held"),
            degenerate=sweep.flag("degenerate"),
            target=sweep.finite("target"),
            channels=sweep.child("size").finite("share") if "size" in sweep else None,
            split=sweep.text("split"),
            train=fields.text("train"),
            n=fields.whole("n"),
            steps=fields.whole("steps"),
            scales=[_scale(item) for item in sweep.children("points")],
            tasks=[Kept.of("the task itself", fields.child("on_task")), *others],
            curve=_curve(fields.children("curve") if "curve" in fields else []),
        )

    @property
    def words(self) -> str:
        """How it was trained, and how the scale was chosen."""
        asked = f"{percent(self.target)} accuracy"
        if self.channels is not None:
            asked += f" with a circuit of {share(self.channels)}"
        if not self.target:
            chosen = "no accuracy was asked for"
        elif self.degenerate:
            chosen = f"the smallest tried, since the base itself already holds at least {asked}"
        elif self.held:
            chosen = f"the lowest KL that holds at least {asked} on {self.split}"
        else:
            chosen = f"no scale holds at least {asked} on {self.split}"
        steps = f"{self.steps:,} steps on {self.train}, n = {self.n:,}"
        return f"{steps}; merged at scale {number(self.scale)}: {chosen}"

    @property
    def titled(self) -> list[tuple[str, Kept]]:
        """Tasks by their splits, and by their names where several have one split."""
        splits = [kept.split for kept in self.tasks]
        return [
            (kept.split if splits.count(kept.split) == 1 else f"{kept.split} ({kept.name})", kept)
            for kept in self.tasks
        ]


def _scale(fields: Fields) -> Scale:
    return Scale(
        scale=fields.finite("scale"),
        accuracy=Share.of(fields.child("accuracy")),
        kl=Average.of_kl(fields.child("kl")),
        recovery=[(what, Share.of(item)) for what, item in fields.named("recovery")],
    )


def _curve(points: Sequence[Fields]) -> list[tuple[str, list[tuple[int, float]]]]:
    """Term of the loss -> (step, nats)."""
    return [
        (words, [(point.whole("step"), point.finite(term)) for point in points])
        for term, words in TERMS.items()
        if points and term in points[0]
    ]


def conditioned_table(metrics: Mapping[str, Any]) -> Table:
    """Accuracy before and after, from what a `condition` stage reports.

    Raises:
        RunError: the metrics are not those of such a stage.
    """
    found = Conditioned.of(Fields(metrics, "condition metrics"))
    drawn = plain(f"{found.source}: {found.words}")
    drawn.add_column(Text("test split"), overflow="fold")
    for head in ("n", "base", "changed", "KL", "95% interval"):
        drawn.add_column(Text(head), justify="right", overflow="fold")
    for title, kept in found.titled:
        drawn.add_row(*map(Text, [title, *_cells(kept)]))
    drawn.caption = Text(WHAT)
    return drawn


def conditioned_section(stages: Sequence[tuple[str, Conditioned]]) -> Html:
    """What every conditioned model of a run kept, and how its scale was chosen."""
    if not stages:
        return Html()
    groups, scales = [], []
    for title, found in stages:
        head = join(tag("b", name(title)), ": ", name(found.words))
        groups.append((head, [[name(title), *_cells(kept)] for title, kept in found.titled]))
        scales.append(_scales(title, found))
    caption = f"Accuracy on test splits, before and after. {WHAT}"
    head = ["Test split", "n", "Base", "Changed", "KL", "95% interval"]
    main = table(caption, head, groups, label="Conditioned models")
    what = "the terms of its loss, before their weights."
    curves = [loss_curve(title, found.curve, what) for title, found in stages]
    return section("Conditioned models", main, details("Merge scales", *scales), *curves)


def _cells(kept: Kept) -> list[str]:
    return [
        f"{kept.base.n:,}",
        percent(kept.base.value),
        percent(kept.changed.value),
        number(kept.kl.value),
        kept.kl.interval,
    ]


def _scales(title: str, found: Conditioned) -> Html:
    small = [what for what, _ in found.scales[0].recovery] if found.scales else []
    rows = [
        [
            number(point.scale),
            percent(point.accuracy.value),
            span(point.accuracy.low, point.accuracy.high),
            number(point.kl.value),
            *(percent(accuracy.value) for _, accuracy in point.recovery),
        ]
        for point in found.scales
    ]
    head = ["Scale", "Accuracy", "95% interval", "KL", *(f"Circuit, {what}" for what in small)]
    return table(join(name(title), ", ", name(found.split)), head, [(None, rows)], label="Scales")
