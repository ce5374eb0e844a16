from dataclasses import replace
from fractions import Fraction

import pytest

from tapeout.reasoning import Problem, word_problems
from tapeout.reasoning._slips import slipped

PROBLEM = Problem(
    question="?",
    solution="Pens cost 6 * 7 = $42. That leaves 50 - 42 = $8 of change. The final answer is 8.",
    answer=Fraction(8),
    template_id="t",
    instance_id=0,
    steps=2,
)


def test_the_last_step_adds_and_the_answer_follows():
    found = slipped(PROBLEM)
    assert found is not None and found.answer == 92
    assert found.solution == (
        "Pens cost 6 * 7 = $42. That leaves 50 + 42 = $92 of change. The final answer is 92."
    )


@pytest.mark.parametrize(
    "solution",
    [
        "So 9 - 1 = 8 are left, and 8 * 1 = 8 in all. The final answer is 8.",
        "So 2 * 9 = 18, and 18 - 2 * 5 = 8 are left. The final answer is 8.",
        "So 10 * 1 = 10, and 8.5 - 0.5 = 8 are left. The final answer is 8.",
    ],
)
def test_what_has_nothing_to_slip_on(solution: str):
    assert slipped(replace(PROBLEM, solution=solution)) is None
    assert slipped(replace(PROBLEM, steps=1)) is None


def test_of_the_built_in_problems_some_slip_and_stay_consistent():
    """An instance each: only the last equation changes, and what it says is true."""
    problems = word_problems(n=3, shots=0).test
    found = [(problem, slipped(problem)) for problem in problems]
    pairs = [(problem, other) for problem, other in found if other is not None]
    assert 5 <= len({problem.template_id for problem, _ in pairs}) < len(problems) / 3
    for problem, other in pairs:
        assert other.question == problem.question and other.answer > problem.answer
        assert f"= {other.answer}" in other.solution or f"= ${other.answer}" in other.solution
        assert other.solution.count("=") == problem.solution.count("=")
