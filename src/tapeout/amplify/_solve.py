"""How many problems a model solves."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..models import Model
from ..reasoning import ProblemSplit, ReasoningTask
from ..tasks import Split
from ..verify import Share, drift_from
from ._improving import Evaluate
from ._log import Log
from ._solver import Solver

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Solved:
    """What greedy decoding came to on every problem of a split.

    Attributes:
        split: which problems.
        right: by problem, whether the right answer was stated.
        answered: by problem, whether an answer was stated at all.
        tokens: how many were written.
    """

    split: ProblemSplit
    right: tuple[bool, ...]
    answered: tuple[bool, ...]
    tokens: int

    @property
    def accuracy(self) -> Share:
        return Share(sum(self.right), len(self.right))

    def by(self, group: Callable[[Any], Any]) -> dict[Any, Share]:
        """Accuracy of every group of problems, such as `lambda problem: problem.steps`."""
        groups: dict[Any, list[bool]] = {}
        for problem, right in zip(self.split, self.right, strict=True):
            groups.setdefault(group(problem), []).append(right)
        return {key: Share(sum(groups[key]), len(groups[key])) for key in sorted(groups)}

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        steps = self.by(lambda problem: problem.steps)
        templates = self.by(lambda problem: problem.template_id)
        return {
            "split": self.split.name,
            "n": len(self.split),
            "criterion": "the final answer, exactly, of greedy decoding",
            "accuracy": self.accuracy.to_dict(),
            "answered": Share(sum(self.answered), len(self.answered)).to_dict(),
            "by_steps": {str(key): share.to_dict() for key, share in steps.items()},
            "by_template": {key: [share.right, share.n] for key, share in templates.items()},
            "tokens": self.tokens,
        }


def solve(
    model: Model,
    split: ProblemSplit,
    *,
    task: ReasoningTask,
    limit: int = 256,
    batch_size: int = 32,
    path: Path | None = None,
    progress: Progress | None = None,
) -> Solved:
    """Write every problem's solution greedily, and check its answer.

    Args:
        model: the model; inside `interventions.restrict`, a part of it.
        split: the problems.
        task: their prompting and scoring.
        limit: most tokens of a solution.
        batch_size: problems at once.
        path: a file that keeps what was written as it comes, so that a killed call goes on.
        progress: called with the problems done and all of them.

    Raises:
        RunError: the file cannot be written, is damaged, or is of other work.
    """
    solver = Solver(model, task, limit=limit, batch_size=batch_size)
    about = {"model": model.fingerprint.weights, "split": split.name, "n": len(split)}
    log = Log(path, about | {"limit": limit, "config": dict(task.config)})
    rows = [row for part in log.rows for row in part["written"]]
    while len(rows) < len(split):
        part = split.problems[len(rows) : len(rows) + 4 * batch_size]
        traces = solver.write(part)
        new = [[trace.right, trace.answered, len(trace.ids)] for trace in traces]
        log.add({"written": new})
        rows += new
        if progress is not None:
            progress(len(rows), len(split))
    right, answered, tokens = zip(*rows, strict=True)
    return Solved(split=split, right=right, answered=answered, tokens=sum(tokens))


def solves(
    split: ProblemSplit,
    *,
    task: ReasoningTask,
    limit: int = 256,
    batch_size: int = 32,
    least_answered: float = 0.0,
) -> Evaluate:
    """The share of a split's problems that a model solves, as a score for `update`.

    Args:
        split, task, limit, batch_size: as of `solve`.
        least_answered: the share of the problems to which a model that is kept states an answer,
            right or wrong.
    """

    def score(model: Model) -> float:
        how: dict[str, Any] = {"task": task, "limit": limit, "batch_size": batch_size}
        found = solve(model, split, **how)
        answers = sum(found.answered) >= least_answered * len(split)
        return found.accuracy.value if answers else -math.inf

    return score


def staying_near(evaluate: Evaluate, base: Model, splits: Sequence[Split], most: float) -> Evaluate:
    """A score by which only what stays near its base is kept, as a score for `update`.

    Args:
        evaluate: the score.
        base: what a model is compared with, in the same precision.
        splits: on what: text, or other tasks.
        most: nats of KL from the base, as a mean over a split, that a model may come to.
    """

    drifts = [drift_from(base, split) for split in splits]

    def score(model: Model) -> float:
        near = all(drift(model).value <= most for drift in drifts)
        return evaluate(model) if near else -math.inf

    return score
