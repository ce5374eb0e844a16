"""Parity problems with solutions to learn."""

from dataclasses import dataclass
from typing import Any

from tapeout.reasoning import Problem

from .parity import Parity, task


@dataclass(frozen=True, kw_only=True, eq=False)
class Taught(Parity):
    """Solutions of two to four tokens that say which number was asked."""

    def solution_ids(self, tokenizer: Any, problem: Problem) -> list[int]:
        number = problem.instance_id
        return [5 + number % 50, 7, 11, 13][: 2 + number % 3]


def taught(n: int = 10, *, shots: bool = True) -> Taught:
    found = task(n, shots=shots, kind=Taught)
    assert isinstance(found, Taught)
    return found
