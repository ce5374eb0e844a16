"""Drawing operands, and keeping apart what no base is trained on."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from ..errors import TaskError
from ._held_out import HELD_OUT, is_held_out
from ._operands import Item, Operands
from ._task import Counts

Side = tuple[list[Item], Mapping[str, int]]
"""Operands, and how many of them which splits ask about."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Which operands there are to draw from.

    Attributes:
        digits, shortest: most and fewest digits.
        shots: operands of worked examples, drawn beside the rest.
        held_out: whether validation and test ask what is held out, and the others what is not.

    Raises:
        TaskError: a number makes no sense.
    """

    digits: int
    shortest: int
    shots: int
    held_out: bool

    def __post_init__(self) -> None:
        if not 1 <= self.shortest <= self.digits:
            raise TaskError(f"operands cannot have {self.shortest} to {self.digits} digits")
        if self.shots < 0:
            raise TaskError(f"there cannot be {self.shots} shots")

    def draw(
        self, kind: Operands, counts: Counts, rng: random.Random
    ) -> tuple[list[Item], list[Side]]:
        """The worked examples' operands, and those of each side.

        There are twice as many and some more as are asked for, where there are so many: the spare
        ones are partners.

        Raises:
            TaskError: there are not as many as are asked for.
        """
        wanted = dict(counts.items())
        asked, available = sum(wanted.values()), kind.available(self.digits, self.shortest)
        if asked + self.shots > available:
            raise TaskError(
                f"{kind.describe(self.digits, self.shortest)}, but {asked} examples and "
                f"{self.shots} shots are asked for"
            )
        many = 2 * asked + 400 + self.shots
        if self.held_out:
            many = ceil(many / (2 * HELD_OUT))  # half of them held out: as many as are asked for
        items: list[Item] = kind.draw(self.digits, self.shortest, min(available, many), rng)
        if not self.held_out:
            return items[: self.shots], [(items[self.shots :], wanted)]
        new = [item for item in items if is_held_out(kind.key(item))]
        known = [item for item in items if not is_held_out(kind.key(item))]
        worked, known = known[: self.shots], known[self.shots :]
        return worked, [
            self._side(kind, known, wanted, ("train", "reference"), "not held out"),
            self._side(kind, new, wanted, ("validation", "test"), "held out"),
        ]

    def _side(
        self,
        kind: Operands,
        items: list[Item],
        wanted: Mapping[str, int],
        splits: tuple[str, str],
        which: str,
    ) -> Side:
        own = {split: wanted[split] for split in splits}
        if sum(own.values()) > len(items):
            raise TaskError(
                f"{kind.describe(self.digits, self.shortest)}, of which {len(items)} are {which}, "
                f"but {' and '.join(splits)} ask for {sum(own.values())}: ask for fewer (n) or "
                "allow more digits"
            )
        return items, own
