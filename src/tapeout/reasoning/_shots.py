"""Worked examples for prompts, of templates that no task has problems of."""

from collections.abc import Sequence

from ..errors import TaskError
from ._instances import instances
from ._library import STEPS, shot_templates
from ._problem import Problem

MOST = 40


def worked_examples(n: int, steps: Sequence[int] = STEPS) -> tuple[Problem, ...]:
    """`n` examples, as evenly over the numbers of steps as can be, the short ones first.

    They are always the same, so a task's seed does not change what a base model is asked. Where
    none has one of these numbers of steps, all are taken.

    Raises:
        TaskError: `n` is not between 0 and 40.
    """
    if not 0 <= n <= MOST:
        raise TaskError(f"there are 0 to {MOST} worked examples to be had, not {n}")
    fitting = [t for t in shot_templates() if t.steps in steps] or list(shot_templates())
    turns = [
        [t for t in fitting if t.steps == count] for count in sorted({t.steps for t in fitting})
    ]
    chosen: list[Problem] = []
    for turn in range(n):
        group, again = turns[turn % len(turns)], turn // len(turns)
        template = group[again % len(group)]
        instance = again // len(group)
        chosen.append(instances(template, instance + 1, seed="shots")[instance])
    return tuple(sorted(chosen, key=lambda problem: problem.steps))
