"""Texts of digits, as operands."""

import random
from collections.abc import Iterable

from ._pairs import different

DigitText = tuple[str]


class Texts:
    """A text of digits, zeros in front included."""

    fields = ("text",)

    def describe(self, digits: int, shortest: int) -> str:
        available = self.available(digits, shortest)
        return f"there are {available} texts of {shortest} to {digits} digits"

    def available(self, digits: int, shortest: int) -> int:
        return sum(10**length for length in range(shortest, digits + 1))

    def draw(self, digits: int, shortest: int, many: int, rng: random.Random) -> list[DigitText]:
        """Lengths have equal shares, as far as there are so many short texts."""
        drawn: list[DigitText] = []
        for length in range(shortest, digits + 1):
            count = min(10**length, (many - len(drawn)) // (digits + 1 - length))
            drawn += [(f"{number:0{length}d}",) for number in different(10**length, count, rng)]
        return rng.sample(drawn, len(drawn))

    def every(self, digits: int, shortest: int) -> Iterable[DigitText]:
        for length in range(shortest, digits + 1):
            yield from ((f"{number:0{length}d}",) for number in range(10**length))

    def key(self, item: DigitText) -> str:
        return f"text:{item[0]}"
