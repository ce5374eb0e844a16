"""Where a share and an accuracy lie in a chart."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Axes:
    """A plot area in pixels.

    Attributes:
        knee: the share below which the horizontal axis is about linear and above which it is
            about logarithmic, so that it shows 0 as well as 1.
    """

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    knee: float

    def x(self, share: float) -> float:
        inside = math.log1p(_unit(share) / self.knee) / math.log1p(1 / self.knee)
        return self.left + inside * (self.width - self.left - self.right)

    def y(self, accuracy: float) -> float:
        plot = self.height - self.top - self.bottom
        return self.height - self.bottom - _unit(accuracy) * plot

    def ticks(self, gap: float) -> list[float]:
        """Round shares whose labels, `gap` pixels wide, do not touch: 0, 1, then powers of ten."""
        decades = range(math.floor(math.log10(self.knee)), 0)
        wanted = [0.0, 1.0]
        for step in (1, 5, 2, 3):
            wanted += [step * 10.0**decade for decade in reversed(decades)]
        kept: list[float] = []
        for share in wanted:
            if all(abs(self.x(share) - self.x(other)) >= gap for other in kept):
                kept.append(share)
        return sorted(kept)


def knee_for(shares: Iterable[float]) -> float:
    """The smallest share that is shown, within reason."""
    return min(max(min((s for s in shares if s > 0), default=0.01), 1e-4), 0.1)


def _unit(value: float) -> float:
    return min(max(value, 0.0), 1.0)
