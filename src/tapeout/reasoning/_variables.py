"""What a template's variables range over."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..errors import TaskError, nearest
from ._expressions import Expression
from ._word import Value, Word

_NUMBER = r"\d+(?:\.\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\s*\.\.\s*({_NUMBER})(?:\s+step\s+({_NUMBER}))?")
_FROM = re.compile(r"from\s+(\w+)")


@dataclass(frozen=True)
class Drawn:
    """One of some values, each as likely as the others."""

    values: Sequence[Value]

    def draw(self, rng: random.Random) -> Value:
        return rng.choice(self.values)


@dataclass(frozen=True)
class Derived:
    """What follows from the variables before it."""

    expression: Expression


def parse_variable(
    written: Any, lists: Mapping[str, Sequence[Value]], where: str
) -> Drawn | Derived:
    """`3..20`, `0.5..3 step 0.5`, `from fruits`, a list of numbers or words, or `= bags * each`.

    Raises:
        TaskError: it is none of these, the range is empty, or there is no such list.
    """
    if isinstance(written, list):
        return Drawn(parse_values(written, where))
    text = str(written).strip()
    if text.startswith("="):
        return Derived(Expression.parse(text[1:], where))
    if match := _FROM.fullmatch(text):
        if match[1] not in lists:
            raise TaskError(f"{where}: there is no list {match[1]!r}: {nearest(match[1], lists)}")
        return Drawn(lists[match[1]])
    if match := _RANGE.fullmatch(text):
        low, high, step = match.groups()
        return Drawn(_range(low, high, step, where))
    raise TaskError(
        f"{where}: {text!r} is no variable: write a range (3..20, 0.5..3 step 0.5), a list "
        "([a, b] or from NAME), or an expression behind an equals sign (= bags * each)"
    )


def parse_values(written: Any, where: str) -> list[Value]:
    """A list of numbers, words, or words with their forms.

    Raises:
        TaskError: it is empty or holds something else.
    """
    if not isinstance(written, list) or not written:
        raise TaskError(f"{where}: a list needs at least one value, but found {written!r}")
    return [_entry(entry, where) for entry in written]


def _entry(entry: Any, where: str) -> Value:
    if isinstance(entry, int | float) and not isinstance(entry, bool):
        return Fraction(repr(entry))
    if isinstance(entry, str) and entry:
        return Word({"name": entry})
    if isinstance(entry, dict) and entry and all(type(form) is str for form in entry.values()):
        return Word({str(name): form for name, form in entry.items()})
    raise TaskError(
        f"{where}: {entry!r} is no number, no word and no mapping of forms to words (quote words "
        "such as yes, no, on and off)"
    )


def _range(low: str, high: str, step: str | None, where: str) -> list[Value]:
    first, last, by = Fraction(low), Fraction(high), Fraction(step or 1)
    if by <= 0 or first > last:
        raise TaskError(f"{where}: the range {low}..{high} step {by} is empty")
    return [first + by * number for number in range(int((last - first) / by) + 1)]
