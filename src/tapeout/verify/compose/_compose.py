"""All trials of composition on one task, at one budget, in one table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ...circuits import Circuit, Universe
from ...errors import TaskError, nearest
from ...interventions import Mean, Replacement, replacement_of
from ...models import Model
from ...tasks import Task
from .._evaluate import Outcome, evaluate
from .._intervals import Share
from ._bench import Bench, Composing, right_at
from ._ground import Ground
from ._routed import Routed
from ._trials import TRIALS

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """What one way of composing came to, on the whole task.

    Teacher-forced and autoregressive accuracy are one, by induction: what a position is given
    depends on the text before it only.

    Attributes:
        name: the trial, see `TRIALS`.
        circuit: a circuit, or circuits that take turns.
        budget: how many nodes it may have had.
        validation, test: accuracy of the whole answers.
        steps: for each token of the answer the share that is right after the right ones before it,
            of the test examples whose answers are that long.
        split: of `test`.
        replacement, reference, positions: what nodes outside were given, and where.
        criterion: when an answer counts as right.
    """

    name: str
    circuit: Circuit | Routed
    budget: int
    validation: Share
    test: Share
    steps: list[Share]
    split: str
    replacement: str
    reference: str
    positions: str
    criterion: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        whole = self.circuit.union if isinstance(self.circuit, Routed) else self.circuit
        taking_turns = self.circuit.steps if isinstance(self.circuit, Routed) else []
        return {
            "trial": self.name,
            "size": whole.size,
            "share": whole.share,
            "budget": self.budget,
            "routed": isinstance(self.circuit, Routed),
            "step_sizes": [circuit.size for circuit in taking_turns],
            "split": self.split,
            "n": self.test.n,
            "replacement": self.replacement,
            "reference": self.reference,
            "positions": self.positions,
            "criterion": self.criterion,
            "teacher_forced": self.test.to_dict(),
            "autoregressive": self.test.to_dict(),
            "ar_by": "induction",
            "validation": self.validation.to_dict(),
            "steps": [share.to_dict() for share in self.steps],
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Local:
    """How well an interface's own circuit carries its decision, at the trials' budget.

    Attributes:
        name: the interface.
        circuit: its highest-scored nodes.
        accuracy: of the circuit alone on the interface's test split.
        empty: the same of no node at all, that is what the replacement leaks.
        full: the same of the full model.
    """

    name: str
    circuit: Circuit
    split: str
    accuracy: Share
    empty: Share
    full: Share
    replacement: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        return {
            "interface": self.name,
            "size": self.circuit.size,
            "share": self.circuit.share,
            "split": self.split,
            "n": self.accuracy.n,
            "replacement": self.replacement,
            "recovery": self.accuracy.to_dict(),
            "empty": self.empty.to_dict(),
            "full": self.full.to_dict(),
        }


class Composer:
    """Puts interfaces together, one trial at a time.

    Args:
        model: the model.
        task: the whole capability; its validation split chooses, its test split reports.
        interfaces: name -> the task of one local decision, see `tasks.interfaces`.
        universe: the nodes.
        replacement: `zero`, `counterfactual`, `resample`, or a replacement such as a `Mean`.
        config: how.

    Raises:
        CircuitError: the universe does not exist in this model.
        InterventionError: an unknown replacement, or `mean` without means.
        TaskError: there is no interface, or one that does not say which token it asks.
    """

    def __init__(
        self,
        model: Model,
        task: Task,
        interfaces: Mapping[str, Task],
        universe: str | Universe = "mlp.post_act",
        replacement: str | Replacement = "zero",
        *,
        config: Composing | None = None,
    ) -> None:
        config, nodes = config or Composing(), Universe.of(model.shape, universe)
        fill = replacement_of(replacement)
        ground = Ground(model, nodes, fill, config.share, config.batch_size)
        self.bench = Bench(ground, task, interfaces, config)

    def trial(self, name: str) -> Trial:
        """Make and measure one trial, or take its circuit and measure that.

        Raises:
            TaskError: there is no such trial, or the examples lack what the replacement needs.
        """
        if name not in TRIALS:
            raise TaskError(f"there is no trial {name!r}: {nearest(name, TRIALS)}")
        return self.measured(name, TRIALS[name](self.bench))

    def measured(self, name: str, circuit: Circuit | Routed) -> Trial:
        """A circuit on the whole task's validation and test splits."""
        bench, task = self.bench, self.bench.task
        longest = max(len(item.answers[0]) for item in task.test.encoded)
        metrics = [right_at(step) for step in range(longest)]
        found = bench.run(task.test, circuit, metrics)
        if isinstance(circuit, Circuit):
            circuit = self._named(name, circuit)
        return Trial(
            name=name,
            circuit=circuit,
            budget=bench.budget,
            validation=bench.run(task.validation, circuit).accuracy,
            test=found.accuracy,
            steps=[_share(found, metric.name) for metric in metrics],
            split=task.test.name,
            criterion=task.test.criterion.name,
            **bench.ground.about,
        )

    def local(self, name: str) -> Local:
        """An interface's own circuit on its own decision.

        Raises:
            TaskError: there is no such interface.
        """
        bench = self.bench
        if name not in bench.interfaces:
            raise TaskError(f"there is no interface {name!r}: {nearest(name, bench.interfaces)}")
        split = bench.interfaces[name].test
        circuit = bench.scores(name).top(bench.budget)
        nothing = bench.circuit(torch.zeros(bench.nodes, dtype=torch.bool))
        full = evaluate(bench.ground.model, split, batch_size=bench.ground.batch_size)
        return Local(
            name=name,
            circuit=circuit,
            split=split.name,
            accuracy=bench.run(split, circuit).accuracy,
            empty=bench.run(split, nothing).accuracy,
            full=full.accuracy,
            replacement=bench.ground.fill.name,
        )

    def _named(self, name: str, circuit: Circuit) -> Circuit:
        """The circuit with where it comes from, so that its file says it."""
        bench, fill = self.bench, self.bench.ground.fill
        about = bench.ground.about
        circuit = circuit.with_origin(
            method="composition",
            trial=name,
            interfaces=bench.names,
            budget=bench.budget,
            replacement={"kind": about.pop("replacement")} | about,
        )
        means = fill.values if isinstance(fill, Mean) else {}
        return replace(circuit, fingerprint=bench.ground.model.fingerprint, means=means)


def compose(
    model: Model,
    task: Task,
    interfaces: Mapping[str, Task],
    universe: str | Universe = "mlp.post_act",
    replacement: str | Replacement = "zero",
    *,
    names: Sequence[str] = tuple(TRIALS),
    config: Composing | None = None,
    progress: Progress | None = None,
) -> list[Trial]:
    """Every trial of composition at one budget, see `Composer` and `TRIALS`.

    Args:
        names: which trials.
        progress: called with the trials done and all of them.
    """
    composer, trials = Composer(model, task, interfaces, universe, replacement, config=config), []
    for name in names:
        trials.append(composer.trial(name))
        if progress is not None:
            progress(len(trials), len(names))
    return trials


def _share(found: Outcome, metric: str) -> Share:
    """How many are right, of those that have this token."""
    values = found.metrics[metric]
    there = values[~values.isnan()]
    return Share(int(there.sum()), len(there))
