"""Tracing one step of an answer after the other, with the circuits of earlier steps in force."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from ...circuits import Circuit, Scores
from ...interventions import Partners
from ...tasks import Batch, Split
from ._bench import Bench, fitting
from ._routed import Placed, Routed, placed


def sequential(bench: Bench) -> Routed:
    """Circuits by step, each found while those of the steps before are in force.

    A step is scored on the examples of all interfaces that ask for it. At the positions of earlier
    steps the circuits already found apply, with an equal part of the budget each; so what they lost
    on the way to this step's decision must come from elsewhere. In the end all get as many nodes as
    the budget holds. A step that no interface asks for is scored on the task's whole answers.
    """
    part = max(bench.budget // len(bench.members), 1)
    scores: list[Scores] = []
    for step in range(len(bench.members)):
        split = _asked_at(bench, step)
        if split is None:
            scores.append(bench.ground.score(bench.task.train))
            continue
        earlier = [own.top(part) for own in scores]
        scores.append(bench.ground.score(split, within=_Force(bench, earlier)))
    return Routed.of(fitting(scores, bench.budget))


def _asked_at(bench: Bench, step: int) -> Split | None:
    """Train examples that ask for a step's token; none if no interface does."""
    trains = [task.train for task in bench.interfaces.values()]
    found = [e for train in trains for e in train.examples if e.strata["step"] == str(step)]
    if not found:
        return None
    return Split(f"{bench.task.name}:step-{step}/train", found, trains[0].tokenizer)


class _Force:
    """What attribution runs a batch inside of: earlier steps' circuits at their positions."""

    def __init__(self, bench: Bench, earlier: Sequence[Circuit]) -> None:
        self.ground, self.earlier = bench.ground, earlier
        self.partners = Partners.of(self.ground.model, self.ground.universe, self.ground.fill)

    def __call__(self, batch: Batch) -> AbstractContextManager[None]:
        first = batch.tokens.ids.shape[1] - 1 - len(self.earlier)
        circuits: list[Placed] = [
            (circuit, slice(first + step, first + step + 1))
            for step, circuit in enumerate(self.earlier)
        ]
        fill, after = self.ground.fill, None
        if self.partners is not None:
            run = self.partners.run(batch)
            fill, after = run.replacement, run.prefix
        return placed(self.ground.model, circuits, batch, fill, after)
