"""What a change did to the same examples: how many more are right, and how sure that is."""

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from math import comb

from ..errors import TaskError
from ._intervals import Average


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A paired difference of accuracy.

    Attributes:
        value: accuracy after less accuracy before.
        low, high: its 95% interval, by a bootstrap over groups of examples.
        n: examples.
        groups: how many groups.
        gained: examples that were wrong before and are right after.
        lost: those that were right and are wrong.
        p: how likely a split of gained and lost examples at least as uneven is, were both equally
            likely: McNemar's exact test, of two sides. It takes examples for independent, also
            where the interval is over groups.
    """

    value: float
    low: float
    high: float
    n: int
    groups: int
    gained: int
    lost: int
    p: float

    def __str__(self) -> str:
        return f"{self.value:+.1%} [{self.low:+.1%}, {self.high:+.1%}]"

    def to_dict(self) -> dict[str, float | int]:
        return asdict(self)


def paired(
    before: Sequence[bool],
    after: Sequence[bool],
    groups: Sequence[Hashable] | None = None,
    *,
    draws: int = 2000,
    seed: int = 0,
) -> Difference:
    """How much more accurate the second run is, on the same examples.

    Args:
        before, after: which examples are right, in one order.
        groups: what each example belongs to, such as its template, where examples of one group
            rise and fall together; by default each stands alone.
        draws: of the bootstrap.
        seed: of the draws.

    Raises:
        TaskError: there are no examples, or the sequences differ in length.

    Source: McNemar 1947; the interval is a percentile bootstrap of whole groups.
    """
    named = range(len(before)) if groups is None else groups
    if not before or not len(before) == len(after) == len(named):
        raise TaskError(
            f"a paired difference needs the same examples, at least one: there are {len(before)} "
            f"before, {len(after)} after and {len(named)} in groups"
        )
    moves = [float(b) - float(a) for a, b in zip(before, after, strict=True)]
    average = Average.resampled(moves, groups, draws=draws, seed=seed)
    gained, lost = moves.count(1.0), moves.count(-1.0)
    return Difference(
        value=average.value,
        low=average.low,
        high=average.high,
        n=len(moves),
        groups=len(set(named)),
        gained=gained,
        lost=lost,
        p=mcnemar(gained, lost),
    )


def mcnemar(gained: int, lost: int) -> float:
    """The exact test's p value, of two sides; 1 if nothing changed."""
    moved = gained + lost
    tail = sum(comb(moved, k) for k in range(min(gained, lost) + 1))
    return min(1.0, 2 * tail / 2**moved)
