"""How many problems a model solved: overall, by template and by number of steps."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..errors import TaskError
from ..verify import Share
from ._problem import Problem, ProblemSplit
from ._task import ReasoningTask


@dataclass(frozen=True, kw_only=True)
class Score:
    """What came of asking every problem of a split once.

    Attributes:
        split: which one.
        problems: those that were asked.
        right: for each, whether the answer was right, exactly.
        stated: for each, whether the text states an answer at all, rather than ending in numbers.
    """

    split: str
    problems: tuple[Problem, ...]
    right: tuple[bool, ...]
    stated: tuple[bool, ...]

    @cached_property
    def accuracy(self) -> Share:
        """With its 95% Wilson interval."""
        return Share(sum(self.right), len(self.right))

    @cached_property
    def in_format(self) -> Share:
        """How many texts state an answer."""
        return Share(sum(self.stated), len(self.stated))

    @cached_property
    def by_template(self) -> Mapping[str, Share]:
        return self._grouped([problem.template_id for problem in self.problems])

    @cached_property
    def by_steps(self) -> Mapping[int, Share]:
        found = self._grouped([problem.steps for problem in self.problems])
        return dict(sorted(found.items()))

    @property
    def accuracy_by_template(self) -> dict[str, float]:
        return {name: share.value for name, share in self.by_template.items()}

    @property
    def template_mean(self) -> float:
        """The mean of the templates' accuracies, each counting as much: what the code of paper 2
        reports. It equals the accuracy where all templates have as many problems."""
        return math.fsum(self.accuracy_by_template.values()) / len(self.by_template)

    def _grouped(self, keys: Sequence[Any]) -> dict[Any, Share]:
        groups: dict[Any, list[bool]] = {}
        for key, right in zip(keys, self.right, strict=True):
            groups.setdefault(key, []).append(right)
        return {key: Share(sum(found), len(found)) for key, found in groups.items()}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for `results.json`."""
        return {
            "split": self.split,
            "accuracy": self.accuracy.to_dict(),
            "template_mean": self.template_mean,
            "in_format": self.in_format.to_dict(),
            "by_template": {name: share.to_dict() for name, share in self.by_template.items()},
            "by_steps": {str(steps): share.to_dict() for steps, share in self.by_steps.items()},
        }

    def __str__(self) -> str:
        return f"{self.split}: {self.accuracy} of {self.accuracy.n}"


def score(task: ReasoningTask, split: ProblemSplit, texts: Sequence[str]) -> Score:
    """Score what a model wrote after the prompt of each of a split's problems.

    Raises:
        TaskError: there are not as many texts as problems, or none.
    """
    if not len(split) or len(texts) != len(split):
        raise TaskError(f"{split.name} has {len(split)} problems, but there are {len(texts)} texts")
    asked = list(zip(texts, split, strict=True))
    return Score(
        split=split.name,
        problems=tuple(split),
        right=tuple(task.is_right(text, problem) for text, problem in asked),
        stated=tuple(task.is_stated(text) for text in texts),
    )
