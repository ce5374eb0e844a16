"""Which part of a change to take: one training serves all scales, since merging is linear."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..circuits import Universe
from ..errors import ReshapeError
from ..find import attribution
from ..interventions import replacement_of
from ..models import Model
from ..tasks import Metric, Task
from ..verify import Average, Share, distance_from, evaluate
from ._change import Change

SCALES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""The merge scales that are tried."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Size:
    """A size that a circuit should get by: so many of the top nodes, under each replacement.

    Attributes:
        share: of the universe.
        recovery: the accuracy that the circuit must keep.
        replacements: `zero`, `counterfactual`; every one of them must hold.
        scored: train examples that rank the nodes.
    """

    share: float
    recovery: float = 0.9
    universe: str = "mlp.post_act"
    replacements: tuple[str, ...] = ("zero", "counterfactual")
    scored: int = 400

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ReshapeError(f"a circuit cannot have {self.share:.2%} of the nodes: give a part")


@dataclass(frozen=True, kw_only=True)
class ScalePoint:
    """The model with `scale` times the change.

    Attributes:
        accuracy: on the validation split.
        kl: from the base on its answers, in nats an example.
        recovery: replacement -> accuracy of the circuit that was asked for.
    """

    scale: float
    accuracy: Share
    kl: Average
    recovery: Mapping[str, Share]

    def holds(self, target: float, size: Size | None) -> bool:
        """Whether it has the accuracy, and the circuit if one was asked for."""
        small = size is None or all(r.value >= size.recovery for r in self.recovery.values())
        return self.accuracy.value >= target and small


@dataclass(frozen=True, kw_only=True)
class ScaleSweep:
    """Accuracy and distance by scale, and the lowest distance that will do.

    Attributes:
        points: by scale, rising.
        base: accuracy without any change.
        target: accuracy asked for.
        size: circuit asked for.
        split: where all of this was measured.
    """

    points: list[ScalePoint]
    base: Share
    target: float
    size: Size | None
    split: str

    @property
    def degenerate(self) -> bool:
        """The base meets the target by itself, so the rule takes the smallest scale there is.

        It then says nothing of the training. Where a circuit's size is asked for too, the rule
        still has something to decide.
        """
        return self.size is None and self.base.value >= self.target

    @property
    def chosen(self) -> ScalePoint | None:
        """The scale of the lowest KL among those that hold what was asked for."""
        good = [point for point in self.points if point.holds(self.target, self.size)]
        return min(good, key=lambda point: point.kl.value, default=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        return {
            "split": self.split,
            "target": self.target,
            "size": None if self.size is None else dict(self.size.__dict__),
            "base": self.base.to_dict(),
            "degenerate": self.degenerate,
            "chosen": self.chosen.scale if self.chosen else None,
            "points": [
                {
                    "scale": point.scale,
                    "accuracy": point.accuracy.to_dict(),
                    "kl": point.kl.to_dict(),
                    "recovery": {name: r.to_dict() for name, r in point.recovery.items()},
                }
                for point in self.points
            ],
        }


def merge_scales(
    model: Model,
    change: Change,
    task: Task,
    *,
    target: float = 0.9,
    size: Size | None = None,
    scales: Sequence[float] = SCALES,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> ScaleSweep:
    """Measure a change at several scales on the validation split.

    Args:
        model: the base.
        change: what was learned on it.
        task: its train split ranks nodes (if a size is asked for), its validation split measures.
        target: accuracy that the whole model must have.
        size: a circuit that must be enough as well.
        scales: parts of the change; 1 is all of it.
        progress: called with the scales done and all of them.

    Raises:
        ReshapeError: the change is of another model, or there is no scale to try.

    Source: paper 1, "Conditioning without teaching": of the scales that hold the accuracy, the
    one of the lowest KL; the size is ours.
    """
    change.check(model)
    if not scales:
        raise ReshapeError("there is no scale to try")
    split = task.validation
    changed = model.sibling(copy.deepcopy(model.hf), f"{model.name} (changed)")
    distance, points = distance_from(model), []
    for done, scale in enumerate(sorted(scales), 1):
        change.put(model, changed, scale)
        points.append(_point(changed, task, scale, distance, size, batch_size))
        if progress is not None:
            progress(done, len(scales))
    base = evaluate(model, split, batch_size=batch_size).accuracy
    return ScaleSweep(points=points, base=base, target=target, size=size, split=split.name)


def _point(
    model: Model, task: Task, scale: float, distance: Metric, size: Size | None, batch_size: int
) -> ScalePoint:
    outcome = evaluate(model, task.validation, metrics=[distance], batch_size=batch_size)
    recovery = {} if size is None else _recovery(model, task, size, batch_size)
    kl = outcome.average(distance.name)
    return ScalePoint(scale=scale, accuracy=outcome.accuracy, kl=kl, recovery=recovery)


def _recovery(model: Model, task: Task, size: Size, batch_size: int) -> dict[str, Share]:
    """Accuracy of the top nodes alone, ranked for each replacement by its own scores."""
    universe = Universe.of(model.shape, size.universe)
    split, k = task.train.take(size.scored), max(round(size.share * universe.size), 1)
    found = {}
    for name in size.replacements:
        baseline = "counterfactual" if name == "counterfactual" else "zero"
        scores = attribution(model, split, universe, baseline=baseline, batch_size=batch_size)
        outcome = evaluate(
            model, task.validation, scores.top(k), replacement_of(name), batch_size=batch_size
        )
        found[name] = outcome.accuracy
    return found
