"""A slip of a careless teacher: a solution that adds where it should take away."""

import re
from dataclasses import replace
from fractions import Fraction

from ._instances import FINAL
from ._problem import Problem

_LAST = re.compile(
    r"(?P<before>.*\D)(?P<a>\d+) - (?P<b>\d+) = (?P<money>\$?)(?P<c>\d+)(?P<after>[^=]*)"
)


def slipped(problem: Problem) -> Problem | None:
    """The problem with a solution that slips in its last step, and says so to the end.

    None where there is nothing to slip on: one step alone, or a last step that does not take one
    whole number from another.
    """
    steps = problem.solution.removesuffix(f" {FINAL.format(problem.answer)}")
    found = _LAST.fullmatch(steps)
    if problem.steps < 2 or found is None or Fraction(found["c"]) != problem.answer:
        return None
    a, b = int(found["a"]), int(found["b"])
    step = f"{a} + {b} = {found['money']}{a + b}"
    solution = f"{found['before']}{step}{found['after']} {FINAL.format(a + b)}"
    return replace(problem, solution=solution, answer=Fraction(a + b))
