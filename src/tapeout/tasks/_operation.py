"""Operations on digits, and how a question about one is written."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import TaskError
from ._operands import Item, Operands


def _one_kind(item: Item) -> str:
    return ""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """Something that can be asked about numbers or digits.

    Attributes:
        name: of the task.
        operands: what it is asked about.
        template: how it is asked by default, with the fields of the operands.
        result: what the answer's template calls the result.
        digits: the most digits of an operand by default.
        solve: from the operands to the result.
        strata: group name -> group, for results by group.
        kind: which questions are of one kind; where questions are drawn for training, kinds are
            asked equally often.
        aligned: whether a counterfactual has as many digits in each operand, or in all together.
    """

    name: str
    operands: Operands
    template: str
    result: str = "result"
    digits: int = 2
    solve: Callable[[Any], str]
    strata: Callable[[Any], dict[str, str]]
    kind: Callable[[Any], str] = _one_kind
    aligned: bool = True

    @property
    def answer(self) -> str:
        """How it is answered by default: the result and an end."""
        return f"{{{self.result}}}\n"

    def lengths(self, item: Item) -> tuple[int, ...]:
        """The digits that a question and its counterfactual have both."""
        lengths = tuple(len(str(operand)) for operand in item)
        return lengths if self.aligned else (sum(lengths),)


@dataclass(frozen=True, kw_only=True)
class Form:
    """How an operation is asked and answered.

    Attributes:
        before: what every prompt starts with: worked examples, if any.

    Raises:
        TaskError: a template lacks a field, or the answer has no end.
    """

    operation: Operation
    template: str
    answer: str
    before: str = ""

    def __post_init__(self) -> None:
        fields = [f"{{{field}}}" for field in self.operation.operands.fields]
        if any(self.template.count(field) != 1 for field in fields):
            once = "once each" if len(fields) > 1 else "once"
            raise TaskError(
                f"the template must hold {' and '.join(fields)} {once}, not {self.template!r}"
            )
        result = f"{{{self.operation.result}}}"
        if self.answer.count(result) != 1:
            raise TaskError(f"the answer must hold {result} once, not {self.answer!r}")
        if self.answer.endswith(result):
            raise TaskError(
                f"the answer {self.answer!r} has no end: add one, such as a newline, or else an "
                "answer that goes on would count as right"
            )

    def prompt(self, item: Item) -> str:
        line = self.template
        for field, operand in zip(self.operation.operands.fields, item, strict=True):
            line = line.replace(f"{{{field}}}", str(operand))
        return self.before + line

    def result(self, item: Item) -> str:
        return self.answer.replace(f"{{{self.operation.result}}}", self.operation.solve(item))
