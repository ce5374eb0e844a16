"""A template of word problems: a question with variables, and its worked solution."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from keyword import iskeyword
from typing import Any

from ..errors import TaskError, nearest
from ._expressions import Expression
from ._text import Text
from ._variables import Derived, Drawn, parse_variable
from ._word import Value

KEYS = ("id", "steps", "variables", "where", "question", "solution", "answer", "whole")
REQUIRED = ("id", "steps", "variables", "question", "solution", "answer")


@dataclass(frozen=True, kw_only=True)
class Template:
    """What instances of a problem are drawn from.

    Attributes:
        steps: how many steps its solution takes, one sentence or two with one equation each.
        variables: in the order in which they are drawn or derived.
        conditions: what must hold of them.
        whole: whether every division must be exact and the answer a positive whole number.
    """

    template_id: str
    steps: int
    variables: Mapping[str, Drawn | Derived]
    conditions: tuple[Expression, ...]
    question: Text
    solution: tuple[Text, ...]
    answer: Expression
    whole: bool

    @cached_property
    def checks(self) -> Mapping[str, tuple[Expression, ...]]:
        """By variable, the conditions that can be decided once it has its value."""
        order = list(self.variables)
        last = [max(map(order.index, one.names), default=0) for one in self.conditions]
        return {
            name: tuple(one for one, at in zip(self.conditions, last, strict=True) if at == row)
            for row, name in enumerate(order)
        }

    @classmethod
    def parse(cls, entry: Any, lists: Mapping[str, Sequence[Value]], source: str) -> "Template":
        """A template from an entry of a templates file (docs/word-problems.md).

        Raises:
            TaskError: a key is missing or unknown, a value is malformed, a variable is unknown, or
                there are not as many solution steps as `steps` says.
        """
        where = _checked(entry, source)
        written: Mapping[str, Any] = entry["variables"]
        variables: dict[str, Drawn | Derived] = {}
        for name, value in written.items():
            variables[name] = parse_variable(value, lists, f"{where}, variable {name!r}")
            if isinstance(found := variables[name], Derived):
                _check_known(found.expression, variables.keys() - {name})
        conditions = entry.get("where", [])
        conditions = [conditions] if isinstance(conditions, str) else conditions
        template = cls(
            template_id=entry["id"],
            steps=entry["steps"],
            variables=variables,
            conditions=tuple(Expression.parse(str(text), where) for text in conditions),
            question=Text.parse(entry["question"], variables.keys(), where),
            solution=tuple(Text.parse(str(t), variables.keys(), where) for t in entry["solution"]),
            answer=Expression.parse(str(entry["answer"]), where),
            whole=entry.get("whole", True),
        )
        for expression in (*template.conditions, template.answer):
            _check_known(expression, variables.keys())
        return template


def _checked(entry: Any, source: str) -> str:
    """Whose entry it is, for errors."""
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        raise TaskError(f"{source}: a template must be a mapping with an id, but found {entry!r}")
    where = f"template {entry['id']!r}"
    for key in entry:
        if key not in KEYS:
            raise TaskError(f"{where}: unknown key {key!r}: {nearest(str(key), KEYS)}")
    if missing := [key for key in REQUIRED if key not in entry]:
        raise TaskError(f"{where}: {', '.join(missing)} is missing")
    if not isinstance(entry["variables"], dict) or not entry["variables"]:
        raise TaskError(f"{where}: variables must map names to what they range over")
    for name in entry["variables"]:
        if not isinstance(name, str) or not name.isidentifier() or iskeyword(name):
            raise TaskError(
                f"{where}: {name!r} cannot name a variable (YAML reads yes, no, on and off as true "
                "and false): choose another name"
            )
    if not isinstance(entry["solution"], list) or len(entry["solution"]) != entry["steps"]:
        raise TaskError(f"{where}: the solution must be a list of as many texts as steps says")
    if not isinstance(entry.get("whole", True), bool):
        raise TaskError(f"{where}: whole must be true or false")
    return where


def _check_known(expression: Expression, known: Any) -> None:
    for name in sorted(expression.names - set(known)):
        raise TaskError(
            f"{expression.where}: unknown variable {name!r} in {expression.text!r} (a derived one "
            f"sees those before it): {nearest(name, known)}"
        )
