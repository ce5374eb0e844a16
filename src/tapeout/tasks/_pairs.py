"""Pairs of numbers, as operands."""

import random
from collections.abc import Iterable
from itertools import product
from math import isqrt

Pair = tuple[int, int]


class Pairs:
    """Two numbers without leading zeros; a pair and its reverse have one key."""

    fields = ("a", "b")

    def describe(self, digits: int, shortest: int) -> str:
        return (
            f"there are {self.available(digits, shortest)} pairs of numbers of {shortest} to "
            f"{digits} digits (either order of two numbers is one pair)"
        )

    def available(self, digits: int, shortest: int) -> int:
        numbers = 10**digits - _lowest(shortest)
        return numbers * (numbers + 1) // 2

    def draw(self, digits: int, shortest: int, many: int, rng: random.Random) -> list[Pair]:
        lowest, available = _lowest(shortest), self.available(digits, shortest)
        return [_pair(index, lowest, rng) for index in different(available, many, rng)]

    def every(self, digits: int, shortest: int) -> Iterable[Pair]:
        numbers = range(_lowest(shortest), 10**digits)
        return product(numbers, numbers)

    def key(self, item: Pair) -> str:
        return f"pair:{min(item)}+{max(item)}"


def _lowest(shortest: int) -> int:
    return 0 if shortest == 1 else 10 ** (shortest - 1)


def _pair(index: int, lowest: int, rng: random.Random) -> Pair:
    """The index-th of the unordered pairs (0, 0), (0, 1), (1, 1), (0, 2), ... in either order."""
    larger = (isqrt(8 * index + 1) - 1) // 2
    smaller = index - larger * (larger + 1) // 2
    a, b = lowest + smaller, lowest + larger
    return (a, b) if rng.random() < 0.5 else (b, a)


def different(available: int, many: int, rng: random.Random) -> list[int]:
    """Different numbers below `available`, which may be beyond what `range` can count."""
    if available < 2**60:
        return rng.sample(range(available), many)
    chosen: dict[int, None] = {}
    while len(chosen) < many:
        chosen[rng.randrange(available)] = None
    return list(chosen)
