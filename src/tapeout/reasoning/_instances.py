"""Instances of a template: seeded, distinct in their numbers, and checked."""

import random
import re
from collections.abc import Mapping
from fractions import Fraction

from ..errors import TaskError
from ._expressions import Expression
from ._problem import Problem
from ._template import Template
from ._variables import Drawn
from ._word import Value, format_number

FINAL = "The final answer is {}."
PATIENCE = 10_000
"""Draws in a row that give nothing new, before there are taken to be no more instances."""

_TERM = r"\$?\d+(?:\.\d+)?"
_EQUATION = re.compile(rf"((?:{_TERM}|\()(?:[-+*/() ]|{_TERM})*?) = ({_TERM})")


def instances(template: Template, n: int, *, seed: int | str) -> list[Problem]:
    """`n` instances, no two of which have the same numbers; the first ones do not depend on `n`.

    Raises:
        TaskError: there are not as many, a division is not exact, or the worked solution says
            something that is not so.
    """
    rng = random.Random(f"{template.template_id}/{seed}")
    found: dict[tuple[Value, ...], Problem] = {}
    idle = 0
    while len(found) < n:
        idle += 1
        if idle > PATIENCE:
            raise _too_few(template, len(found), n)
        scope = _draw(template, rng)
        if scope is None:
            continue
        answer = template.answer.value(scope, fractions=not template.whole)
        numbers = tuple(
            value
            for name, value in scope.items()
            if isinstance(value, Fraction) and isinstance(template.variables[name], Drawn)
        )
        if numbers not in found and (not template.whole or _is_positive_whole(answer)):
            found[numbers] = _problem(template, scope, answer, len(found))
            idle = 0
    return list(found.values())


def _too_few(template: Template, found: int, n: int) -> TaskError:
    conditions = ", ".join(condition.text for condition in template.conditions) or "none"
    return TaskError(
        f"template {template.template_id!r}: only {found} instances with different numbers were "
        f"found, but {n} are needed: ask for fewer (n), widen its ranges or loosen its conditions "
        f"({conditions})"
    )


def _draw(template: Template, rng: random.Random) -> dict[str, Value] | None:
    """A value for every variable; None where a condition does not hold."""
    scope: dict[str, Value] = {}
    for name, variable in template.variables.items():
        if isinstance(variable, Drawn):
            scope[name] = variable.draw(rng)
        else:
            scope[name] = variable.expression.value(scope, fractions=not template.whole)
        if not all(check.value(scope, fractions=True) for check in template.checks[name]):
            return None
    return scope


def _is_positive_whole(answer: Fraction) -> bool:
    return answer > 0 and answer.denominator == 1


def _problem(
    template: Template, scope: Mapping[str, Value], answer: Fraction, instance_id: int
) -> Problem:
    exact = not template.whole
    steps = [text.write(scope, fractions=exact) for text in template.solution]
    for step in steps:
        _check_equation(step, template.template_id)
    if _right_side(steps[-1]) != answer:
        raise TaskError(
            f"template {template.template_id!r}: its answer is {answer}, but its solution ends in "
            f"{steps[-1]!r}"
        )
    final = FINAL.format(format_number(answer))
    return Problem(
        question=template.question.write(scope, fractions=exact),
        solution=" ".join([*steps, final]),
        answer=answer,
        template_id=template.template_id,
        instance_id=instance_id,
        steps=template.steps,
    )


def _right_side(step: str) -> Fraction | None:
    match = _EQUATION.search(step)
    return Fraction(_bare(match[2])) if match else None


def _check_equation(step: str, template_id: str) -> None:
    equations = _EQUATION.findall(step)
    if len(equations) != 1 or step.count("=") != 1:
        raise TaskError(
            f"template {template_id!r}: a step of its solution needs one equation, but found "
            f"{step!r}"
        )
    ((left, right),) = equations
    where = f"template {template_id!r}, solution"
    if Expression.parse(_bare(left), where).value({}, fractions=True) != Fraction(_bare(right)):
        raise TaskError(f"template {template_id!r}: its solution says {left} = {right}")


def _bare(text: str) -> str:
    return text.replace("$", "")
