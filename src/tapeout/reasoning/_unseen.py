"""Which problems no reasoner is trained on."""

import random
import re
from collections.abc import Mapping

from ..errors import TaskError
from ..tasks import HELD_OUT, is_held_out
from ._instances import instances
from ._problem import Problem
from ._template import Template

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def content_key(problem: Problem) -> str:
    """What a problem asks for: its template and its question's numbers, whatever its words."""
    return f"word-problem:{problem.template_id}:{','.join(_NUMBER.findall(problem.question))}"


def is_unseen(problem: Problem) -> bool:
    """Whether no reasoner is trained on a problem with these numbers, see `tasks.is_held_out`."""
    return is_held_out(content_key(problem))


def draw_known(template: Template, rng: random.Random) -> Problem:
    """A problem that a reasoner may be trained on."""
    while True:
        (problem,) = instances(template, 1, seed=str(rng.getrandbits(64)))
        if not is_unseen(problem):
            return problem


def apart(
    template: Template, counts: Mapping[str, int], *, seed: int | str
) -> dict[str, list[Problem]]:
    """Instances of a template for each split: for train known ones, for the others unseen ones.

    Args:
        counts: how many, for `train`, `validation` and `test`.

    Raises:
        TaskError: there are not as many.
    """
    needed = {False: counts["train"], True: counts["validation"] + counts["test"]}
    drawn = max(needed[False] / (1 - HELD_OUT), needed[True] / HELD_OUT).__ceil__()
    while True:
        sides: dict[bool, list[Problem]] = {False: [], True: []}
        try:
            found = instances(template, drawn, seed=seed)
        except TaskError as error:
            raise TaskError(
                f"{error} (unseen: validation and test ask for {needed[True]}, and only a fifth is "
                "held out from trainings)"
            ) from error
        for problem in found:
            sides[is_unseen(problem)].append(problem)
        missing = max(needed[side] - len(sides[side]) for side in sides)
        if missing <= 0:
            unseen = sides[True]
            return {
                "train": sides[False][: counts["train"]],
                "validation": unseen[: counts["validation"]],
                "test": unseen[counts["validation"] : needed[True]],
            }
        drawn += missing + 5
