"""Which problems no reasoner is trained on."""

import random
import re

from ..tasks import is_held_out
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
