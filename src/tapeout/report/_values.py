"""Shares, averages, settings: what the metrics of every stage are made of."""

from dataclasses import dataclass

from ._fields import Fields
from ._text import (
    NEVER_POSITIVE,
    SHARES,
    interval,
    number,
    percent,
    positions_words,
    setting_words,
    span,
)

_ROUNDING = 1e-6
"""Below it a KL, which is never negative, is what is left of rounding."""


@dataclass(frozen=True)
class Share:
    """`right` of `n` with its 95% Wilson interval."""

    right: int
    n: int
    value: float
    low: float
    high: float

    @classmethod
    def of(cls, fields: Fields) -> "Share":
        bounds = (fields.finite(name) for name in ("value", "low", "high"))
        return cls(fields.whole("right"), fields.whole("n"), *bounds)


@dataclass(frozen=True)
class Average:
    """The mean of a metric with its 95% interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, fields: Fields) -> "Average":
        return cls(*(fields.number(name) for name in ("value", "low", "high")))

    @classmethod
    def of_kl(cls, fields: Fields) -> "Average":
        """Of something that is never below 0, neither rounded nor in its interval."""
        found = cls.of(fields)
        value, high = (0.0 if abs(x) < _ROUNDING else x for x in (found.value, found.high))
        low = 0.0 if found.low < _ROUNDING else found.low
        return cls(value, low, high)

    def as_metric(self, metric: str) -> str:
        """As a metric is written: a share in percent, with an interval of shares."""
        if metric in NEVER_POSITIVE:
            return f"{number(self.value)} {interval(self.low, min(self.high, 0.0))}"
        if metric not in SHARES:
            return str(self)
        low, high = (min(max(x, 0.0), 1.0) for x in (self.low, self.high))
        return f"{percent(self.value)} [{span(low, high)}]"

    @property
    def interval(self) -> str:
        return interval(self.low, self.high)

    def __str__(self) -> str:
        return f"{number(self.value)} {self.interval}"


@dataclass(frozen=True)
class Setting:
    """Under which replacement, on which examples, and when one counts as right."""

    split: str
    replacement: str
    reference: str
    positions: str
    criterion: str

    @classmethod
    def of(cls, fields: Fields) -> "Setting":
        names = ("split", "replacement", "reference", "positions", "criterion")
        return cls(*(fields.text(name) for name in names))

    @property
    def task(self) -> str:
        """The task of a split such as `ioi/test`."""
        return self.split.rpartition("/")[0] or self.split

    @property
    def split_name(self) -> str:
        return self.split.rpartition("/")[2]

    @property
    def where(self) -> str:
        """The positions that were replaced, in words."""
        return positions_words(self.positions)

    @property
    def words(self) -> str:
        return setting_words(self.replacement, self.reference, self.positions)


@dataclass(frozen=True)
class Kept:
    """How much of something a circuit keeps."""

    kept: int
    total: int

    @classmethod
    def of(cls, fields: Fields) -> "Kept":
        return cls(fields.whole("kept"), fields.whole("total"))

    @property
    def share(self) -> float:
        return self.kept / self.total if self.total > 0 else 0.0

    def __str__(self) -> str:
        return f"{self.kept:,} of {self.total:,}"
