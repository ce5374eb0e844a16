"""What all trials of composition share: a task, its interfaces, their scores, and a budget."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from ...circuits import Circuit, Scores
from ...errors import CircuitError, TaskError
from ...tasks import Batch, Metric, Split, Task
from .._evaluate import Outcome
from ._ground import Aggregate, Ground
from ._routed import Routed, together


@dataclass(frozen=True, kw_only=True)
class Composing:
    """How interfaces are put together.

    Attributes:
        share: the budget: how much of the universe a composed circuit may keep.
        rounds: of the search for budget shares; each tries every interface up and down.
        groups: into how many groups nodes are divided to be ranked by what their loss costs.
        batch_size: examples per forward.
    """

    share: float = 0.05
    rounds: int = 2
    groups: int = 32
    batch_size: int = 64

    def __post_init__(self) -> None:
        if self.rounds < 1 or self.groups < 1:
            raise CircuitError("rounds and groups must be 1 or more")


@dataclass(eq=False)
class Bench:
    """A task and its interfaces in one model, under one replacement.

    Attributes:
        interfaces: name -> its task; each example's stratum `step` says which token it asks.
    """

    ground: Ground
    task: Task
    interfaces: Mapping[str, Task]
    config: Composing
    _scores: dict[tuple[str, Aggregate], Scores] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.interfaces:
            raise TaskError("there is nothing to compose: name at least one interface")
        for task in self.interfaces.values():
            if any("step" not in example.strata for example in task.train.examples):
                raise TaskError(
                    f"{task.name} does not say which token of the answer its examples ask: give "
                    "them the stratum `step`, as tasks.interfaces does"
                )

    @property
    def budget(self) -> int:
        """Nodes that a composed circuit may keep."""
        return self.ground.budget

    @property
    def nodes(self) -> int:
        """Nodes of the universe."""
        return self.ground.universe.size

    @property
    def names(self) -> list[str]:
        return list(self.interfaces)

    @cached_property
    def members(self) -> list[list[str]]:
        """For each step the interfaces that are read there; all of them where none is."""
        asked = {
            name: {int(example.strata["step"]) for example in task.train.examples}
            for name, task in self.interfaces.items()
        }
        last = max(step for steps in asked.values() for step in steps)
        found = [[n for n in self.names if step in asked[n]] for step in range(last + 1)]
        return [names or self.names for names in found]

    def scores(self, name: str, aggregate: Aggregate = "example") -> Scores:
        """Scores of an interface, on its train split."""
        key = name, aggregate
        if key not in self._scores:
            self._scores[key] = self.ground.score(self.interfaces[name].train, aggregate)
        return self._scores[key]

    def run(
        self, split: Split, circuit: Circuit | Routed, metrics: Sequence[Metric] = ()
    ) -> Outcome:
        """Run a circuit over a split, teacher-forced."""
        return self.ground.run(split, circuit, metrics)

    def circuit(self, kept: Tensor, **origin: Any) -> Circuit:
        """A circuit of this bench's universe and model."""
        return self.ground.circuit(kept, **origin)


def fitting(
    scores: Sequence[Scores], budget: int, weights: Sequence[float] | None = None
) -> list[Circuit]:
    """The largest circuits of top-scored nodes that together have at most `budget` nodes.

    Args:
        scores: one for each part, of one universe.
        budget: nodes of all parts together; nodes that they share count once.
        weights: how many nodes each part gets, relative to the others; alike by default.
    """
    weights = weights or [1.0] * len(scores)
    most = scores[0].universe.size

    def parts(count: int) -> list[Circuit]:
        sizes = [min(round(weight * count), most) for weight in weights]
        return [own.top(size) for own, size in zip(scores, sizes, strict=True)]

    low, high = 0, round(most / min(weights)) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if together(parts(middle)).size <= budget:
            low = middle
        else:
            high = middle
    return parts(low)


def right_at(step: int) -> Metric:
    """Whether one token of an answer is right, the tokens before it given; NaN if it has none."""
    return Metric(
        f"right_at_{step}",
        f"whether token {step} of the answer, from 0, is right after the right ones before it",
        partial(_right_at, step),
    )


def _right_at(step: int, logits: Tensor, batch: Batch) -> Tensor:
    if step >= batch.answer_length:
        return torch.full((len(batch),), float("nan"))
    right = logits[:, step].argmax(dim=-1) == batch.answers[:, step].to(logits.device)
    return right.float()
