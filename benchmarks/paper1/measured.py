"""Numbers with their 95% intervals, and whether one is below another."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Holds = bool | None
"""Whether a rule holds; None where the numbers do not decide it."""

AGREES, DISAGREES, UNDECIDED = "agrees", "disagrees", "not decidable here"
MARGIN = 0.02
"""What counts as a tie between numbers of which no interval is measured, as a part of them."""


@dataclass(frozen=True)
class Measured:
    """A number and its interval; infinite for the size of a circuit that there is not."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Measured":
        """From a share or an average as stages report it."""
        return cls(found["value"], found["low"], found["high"])

    @classmethod
    def without_interval(cls, value: float) -> "Measured":
        """A number that nothing says the spread of: a tie within `MARGIN`."""
        return cls(value, value * (1 - MARGIN), value * (1 + MARGIN))

    def times(self, factor: float) -> "Measured":
        """A multiple of it."""
        return Measured(self.value * factor, self.low * factor, self.high * factor)

    def to_dict(self) -> dict[str, float | None]:
        """Plain values; null stands for infinity, which JSON does not have."""
        ends = {"value": self.value, "low": self.low, "high": self.high}
        return {name: end if math.isfinite(end) else None for name, end in ends.items()}


def below(one: Measured | float, two: Measured | float) -> Holds:
    """Whether one is below two; None where either lies in the other's interval."""
    one, two = _measured(one), _measured(two)
    if one.low <= two.value <= one.high or two.low <= one.value <= two.high:
        return None
    return one.value < two.value


def every(*parts: Holds) -> Holds:
    """All of them; one that fails decides, whatever the others are."""
    if any(part is False for part in parts):
        return False
    return None if None in parts else True


def verdict(holds: Holds) -> str:
    """In words."""
    return UNDECIDED if holds is None else AGREES if holds else DISAGREES


def _measured(number: Measured | float) -> Measured:
    """A bar that a rule sets has no interval."""
    return number if isinstance(number, Measured) else Measured(number, number, number)
