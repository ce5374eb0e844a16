"""Shares with their uncertainty."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch

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
    """The mean of a metric over examples, with its 95% interval.

    Of `of` that is a normal approximation, of `resampled` a bootstrap.
    """

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

    @classmethod
    def resampled(
        cls,
        values: Sequence[float],
        groups: Sequence[Hashable] | None = None,
        *,
        draws: int = 2000,
        seed: int = 0,
    ) -> "Average":
        """With percentiles of means over groups that are drawn again, whole, with replacement.

        Args:
            values: one per example; for a paired comparison the differences.
            groups: what each example belongs to, such as its problem, where examples of one group
                are alike; by default each stands alone.
            draws: how many means.
            seed: of the draws.
        """
        names = list(range(len(values))) if groups is None else list(groups)
        place = {name: index for index, name in enumerate(dict.fromkeys(names))}
        index = torch.tensor([place[name] for name in names])
        measured = torch.tensor(list(values), dtype=torch.float64)
        empty = torch.zeros(len(place), dtype=torch.float64)
        sums = empty.index_add(0, index, measured)
        counts = empty.index_add(0, index, torch.ones_like(measured))
        generator = torch.Generator().manual_seed(seed)
        means = []
        for _ in range(draws):
            drawn = torch.randint(len(place), (len(place),), generator=generator)
            means.append(sums[drawn].sum() / counts[drawn].sum())
        low, high = torch.stack(means).quantile(torch.tensor([0.025, 0.975]).double()).tolist()
        return cls(float(measured.mean()), low, high, len(values))

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"

    def to_dict(self) -> dict[str, float | int]:
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}
