"""Shares with their uncertainty."""

import math
from dataclasses import dataclass

Z95 = 1.959963984540054


@dataclass(frozen=True)
class Share:
    """`right` of `n`, with its 95% Wilson interval."""

    right: int
    n: int

    @property
    def value(self) -> float:
        return self.right / self.n

    @property
    def low(self) -> float:
        return self._bounds()[0]

    @property
    def high(self) -> float:
        return self._bounds()[1]

    def _bounds(self) -> tuple[float, float]:
        z2 = Z95**2
        center = (self.right + z2 / 2) / (self.n + z2)
        inside = self.right * (self.n - self.right) / self.n + z2 / 4
        half = Z95 * math.sqrt(inside) / (self.n + z2)
        # the exact bounds at 0 and n of n, which rounding would miss by an ulp
        low = 0.0 if self.right == 0 else center - half
        return low, 1.0 if self.right == self.n else center + half

    def __str__(self) -> str:
        return f"{self.value:.1%} [{self.low:.1%}, {self.high:.1%}]"

    def to_dict(self) -> dict[str, float | int]:
        return {
            "right": self.right,
            "n": self.n,
            "value": self.value,
            "low": self.low,
            "high": self.high,
        }


@dataclass(frozen=True)
class Average:
    """The mean of a metric over examples, with its 95% interval (normal approximation)."""

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: list[float]) -> "Average":
        n = len(values)
        mean = math.fsum(values) / n
        if n < 2:
            return cls(mean, mean, mean, n)
        variance = math.fsum((v - mean) ** 2 for v in values) / (n - 1)
        half = Z95 * math.sqrt(variance / n)
        return cls(mean, mean - half, mean + half, n)

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"

    def to_dict(self) -> dict[str, float | int]:
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}
