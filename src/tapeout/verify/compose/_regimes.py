"""One mask for all regimes of a task, or one for each (paper 1, experiment 7)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from ...circuits import Circuit, Universe
from ...errors import TaskError, nearest
from ...interventions import Replacement, replacement_of
from ...models import Model
from ...tasks import Split, Task
from .._intervals import Share
from ._ground import Ground
from ._routed import together

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Regime:
    """One way to give masks to regimes, on the test split.

    Attributes:
        routing: `global`: the mask of all examples, everywhere. `union`, `core`: what any, or all,
            regimes' own masks have, everywhere. `same-budget`: each regime's own mask on its
            examples, of the size of the global one.
        circuits: regime -> the mask that its examples ran.
        overall: accuracy over all examples.
        by_regime: the same in each regime.
    """

    routing: str
    circuits: dict[str, Circuit]
    overall: Share
    by_regime: dict[str, Share]

    @property
    def size(self) -> int:
        """Nodes that are in use in any regime."""
        return together(list(self.circuits.values())).size

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        return {
            "routing": self.routing,
            "size": self.size,
            "sizes": {regime: circuit.size for regime, circuit in self.circuits.items()},
            "overall": self.overall.to_dict(),
            "by_regime": {regime: share.to_dict() for regime, share in self.by_regime.items()},
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Regimes:
    """All routings of one task.

    Attributes:
        stratum: what divides the examples into regimes.
        budget: nodes of the global mask, and of each regime's own.
        trained: regime -> train examples that its mask is scored on.
        split, n: what was measured.
        replacement, reference, positions: what nodes outside were given, and where.
        criterion: when an answer counts as right.
    """

    stratum: str
    budget: int
    trained: dict[str, int]
    routings: list[Regime]
    split: str
    n: int
    replacement: str
    reference: str
    positions: str
    criterion: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys; accuracy is teacher-forced and, by induction, AR."""
        names = ("stratum", "budget", "trained", "split", "n", "replacement", "reference")
        data = {name: getattr(self, name) for name in (*names, "positions", "criterion")}
        return data | {
            "ar_by": "induction",
            "routings": [routing.to_dict() for routing in self.routings],
        }


def route_by_regime(
    model: Model,
    task: Task,
    universe: str | Universe = "mlp.post_act",
    replacement: str | Replacement = "zero",
    *,
    stratum: str = "carry",
    share: float = 0.05,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> Regimes:
    """Does it help to give each regime a mask of its own?

    A regime's mask is the highest-scored nodes of its train examples alone; routing takes the
    regime from the example's stratum, not from the model.

    Args:
        model: the model.
        task: scored on its train split, measured on its test split.
        universe: the nodes.
        replacement: `zero`, `counterfactual`, `resample`, or a replacement such as a `Mean`.
        stratum: what divides the examples.
        share: how much of the universe a mask keeps.
        batch_size: examples per forward.
        progress: called with the runs done and all of them.

    Raises:
        TaskError: the examples have no such stratum, or the train split lacks one of the test
            split's regimes.
    """
    test, train = _rows(task.test, stratum), _rows(task.train, stratum)
    if missing := sorted(set(test) - set(train)):
        raise TaskError(
            f"{task.train.name} has no example of {stratum} {', '.join(missing)}, which "
            f"{task.test.name} has: ask for more train examples (n)"
        )
    nodes, fill = Universe.of(model.shape, universe), replacement_of(replacement)
    router = _Router(
        Ground(model, nodes, fill, share, batch_size), task, stratum, train, test, progress
    )
    return Regimes(
        stratum=stratum,
        budget=router.ground.budget,
        trained={regime: len(train[regime]) for regime in sorted(test)},
        routings=router.routings(),
        split=task.test.name,
        n=len(task.test),
        criterion=task.test.criterion.name,
        **router.ground.about,
    )


@dataclass
class _Router:
    """The runs of `route_by_regime`."""

    ground: Ground
    task: Task
    stratum: str
    train: dict[str, list[int]]
    test: dict[str, list[int]]
    progress: Progress | None
    done: int = 0

    def routings(self) -> list[Regime]:
        own = {
            regime: self._mask(self._part(self.task.train, self.train, regime))
            for regime in sorted(self.test)
        }
        core = next(iter(own.values()))
        for circuit in own.values():
            core = core & circuit
        whole = self._mask(self.task.train)
        everywhere = {"global": whole, "union": together(list(own.values())), "core": core}
        found = []
        for name, circuit in everywhere.items():
            correct = self._run(self.task.test, circuit)
            found.append(_regime(name, dict.fromkeys(own, circuit), correct, self.test))
        correct = torch.zeros(len(self.task.test), dtype=torch.bool)
        for regime, circuit in own.items():
            part = self._part(self.task.test, self.test, regime)
            correct[torch.tensor(self.test[regime])] = self._run(part, circuit)
        return [*found, _regime("same-budget", own, correct, self.test)]

    def _part(self, split: Split, rows: dict[str, list[int]], regime: str) -> Split:
        return split.subset(rows[regime], f"{self.stratum}: {regime}")

    def _mask(self, split: Split) -> Circuit:
        scores = self.ground.score(split)
        self._step()
        return scores.top(self.ground.budget)

    def _run(self, split: Split, circuit: Circuit) -> Bool[Tensor, " examples"]:
        correct = self.ground.run(split, circuit).correct
        self._step()
        return correct

    def _step(self) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, 2 * len(self.test) + 4)


def _rows(split: Split, stratum: str) -> dict[str, list[int]]:
    """Regime -> the rows of its examples."""
    rows: dict[str, list[int]] = {}
    for row, example in enumerate(split.examples):
        if stratum not in example.strata:
            known = nearest(stratum, example.strata) if example.strata else "It has none."
            raise TaskError(f"{split.name} has an example without stratum {stratum!r}: {known}")
        rows.setdefault(example.strata[stratum], []).append(row)
    return rows


def _regime(
    name: str,
    circuits: dict[str, Circuit],
    correct: Bool[Tensor, " examples"],
    rows: dict[str, list[int]],
) -> Regime:
    return Regime(
        routing=name,
        circuits=circuits,
        overall=Share(int(correct.sum()), len(correct)),
        by_regime={
            regime: Share(int(correct[torch.tensor(rows[regime])].sum()), len(rows[regime]))
            for regime in circuits
        },
    )
