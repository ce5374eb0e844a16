"""Problems whose answers are numbers, and splits of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

PARTS = ("train", "validation", "test")
"""The splits of a reasoning task."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One question.

    Attributes:
        solution: a worked solution; it ends in `The final answer is N.`
        answer: exactly.
        template_id, instance_id: which problem of which kind; together they name one problem.
        steps: how many steps the solution takes.
    """

    question: str
    solution: str
    answer: Fraction
    template_id: str
    instance_id: int
    steps: int


@dataclass(frozen=True, eq=False)
class ProblemSplit(Sequence[Problem]):
    """The problems of one split.

    Attributes:
        name: task and split, such as `word-problems/test`; it goes into every result.
    """

    name: str
    problems: tuple[Problem, ...]

    @property
    def template_ids(self) -> list[str]:
        """Every template that the split has problems of, in the order in which they first occur."""
        return list(dict.fromkeys(problem.template_id for problem in self.problems))

    def take(self, n: int) -> "ProblemSplit":
        """The first `n` problems."""
        return replace(self, name=f"{self.name}[:{n}]", problems=self.problems[:n])

    def subset(self, rows: Sequence[int], label: str) -> "ProblemSplit":
        """Chosen problems, under a name that says so."""
        chosen = tuple(self.problems[row] for row in rows)
        return replace(self, name=f"{self.name} ({label})", problems=chosen)

    def __len__(self) -> int:
        return len(self.problems)

    def __getitem__(self, index: Any) -> Any:
        return self.problems[index]

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.problems)
