"""Pairs of additions that differ in one decision and in nothing else."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import TaskError, nearest
from ._carries import carries
from ._pairs import Pair

OVERFLOW, LENGTH = "overflow", "length"


@dataclass(frozen=True)
class Decision:
    """One local decision of an addition; columns count from the ones, which are column 0.

    Attributes:
        kind: `digit` (the value of a column), `carry` (into a column), `overflow` (the first digit
            is the 1 of a longer sum) or `length` (the sum ends, or one more digit follows).
        column: of a digit, or the one that a carry goes into.
    """

    kind: str
    column: int = 0

    @property
    def name(self) -> str:
        return self.kind if self.kind in (OVERFLOW, LENGTH) else f"{self.kind}-{self.column}"

    @property
    def lengthens(self) -> bool:
        """Whether it decides how many digits the sum has."""
        return self.kind in (OVERFLOW, LENGTH)

    def changed(self, pair: Pair) -> int:
        """The column in which a partner's operands differ."""
        if self.lengthens:
            return _columns(pair) - 1
        return self.column if self.kind == "digit" else self.column - 1

    def step(self, pair: Pair) -> int:
        """Which digit of the answer, from the left, tells the decision; its end counts as one."""
        if self.lengthens:
            return 0 if self.kind == OVERFLOW else _columns(pair)
        return len(str(sum(pair))) - 1 - self.column

    def contrasts(self, pair: Pair, other: Pair) -> bool:
        """Whether two pairs differ in this decision alone.

        Operands have as many digits each. The sums agree in all digits but the one that tells, and
        so do the carries: in all columns for a digit, in all but the deciding one for the rest.
        """
        if [len(str(x)) for x in pair] != [len(str(x)) for x in other]:
            return False
        own, its = carries(*pair), carries(*other)
        differing = [at for at, (x, y) in enumerate(zip(own, its, strict=True)) if x != y]
        low, high = sorted((sum(pair), sum(other)))
        if self.lengthens:
            top = len(own)
            plain = self.kind == LENGTH or str(low)[0] != "1"
            return differing == [top - 1] and high == low + 10**top and plain
        if differing != ([] if self.kind == "digit" else [self.column - 1]):
            return False
        return _differing(low, high) == [self.column]

    def partners(self, pair: Pair, rng: random.Random) -> Iterator[Pair]:
        """All partners whose operands differ in one column, in random order."""
        column = self.changed(pair)
        if column >= _columns(pair) or (self.kind == "carry" and self.column >= _columns(pair)):
            return
        choices = [(x, y) for x in _choices(pair[0], column) for y in _choices(pair[1], column)]
        for x, y in rng.sample(choices, len(choices)):
            if self.contrasts(pair, (x, y)):
                yield x, y


def decisions_of(digits: int) -> list[Decision]:
    """Every decision of sums of numbers of up to so many digits."""
    values = [Decision("digit", column) for column in range(digits)]
    carried = [Decision("carry", column) for column in range(1, digits)]
    return [*values, *carried, Decision(OVERFLOW), Decision(LENGTH)]


def decision_of(name: str, digits: int) -> Decision:
    """A decision by its name.

    Raises:
        TaskError: sums of numbers of so many digits have none of that name.
    """
    known = {decision.name: decision for decision in decisions_of(digits)}
    if name not in known:
        raise TaskError(f"additions have no decision {name!r}: {nearest(name, known)}")
    return known[name]


def _columns(pair: Pair) -> int:
    return len(str(max(pair)))


def _differing(low: int, high: int) -> list[int]:
    """Columns in which two numbers differ; none where their lengths do."""
    a, b = str(low)[::-1], str(high)[::-1]
    if len(a) != len(b):
        return []
    return [at for at, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]


def _choices(number: int, column: int) -> list[int]:
    """The number with every digit in a column; as it is if it has no such column."""
    text = str(number)
    if column >= len(text):
        return [number]
    at = len(text) - 1 - column
    lowest = 1 if at == 0 and len(text) > 1 else 0
    return [int(f"{text[:at]}{digit}{text[at + 1 :]}") for digit in range(lowest, 10)]
