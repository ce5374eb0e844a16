"""Pairs of numbers for addition: drawn once each, dealt to splits so that each has a partner."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import isqrt

from ..errors import TaskError
from ._carries import overflows
from ._task import Counts

Pair = tuple[int, int]
Signature = tuple[int, ...]
"""What a pair and its counterfactual must share."""


def draw_pairs(
    digits: int, shortest: int, shots: int, counts: Counts, rng: random.Random
) -> tuple[list[Pair], list[Pair]]:
    """The worked examples' pairs, and twice as many and some more as are asked for.

    The spare ones are partners, where there are so many.
    """
    lowest = 0 if shortest == 1 else 10 ** (shortest - 1)
    numbers = 10**digits - lowest
    available = numbers * (numbers + 1) // 2
    asked = sum(count for _, count in counts.items())
    if asked + shots > available:
        raise TaskError(
            f"there are {available} pairs of numbers of {shortest} to {digits} digits (a+b and b+a "
            f"are one), but {asked} examples and {shots} shots are asked for"
        )
    many = min(available, 2 * asked + 400 + shots)
    drawn = [_pair(index, lowest, rng) for index in _different(available, many, rng)]
    return drawn[:shots], drawn[shots:]


def _different(available: int, many: int, rng: random.Random) -> list[int]:
    """Different numbers below `available`, which may be beyond what `range` can count."""
    if available < 2**60:
        return rng.sample(range(available), many)
    chosen: dict[int, None] = {}
    while len(chosen) < many:
        chosen[rng.randrange(available)] = None
    return list(chosen)


def _pair(index: int, lowest: int, rng: random.Random) -> Pair:
    """The index-th of the unordered pairs (0, 0), (0, 1), (1, 1), (0, 2), ... in either order."""
    larger = (isqrt(8 * index + 1) - 1) // 2
    smaller = index - larger * (larger + 1) // 2
    a, b = lowest + smaller, lowest + larger
    return (a, b) if rng.random() < 0.5 else (b, a)


def _quotas(counts: Counts, drawn: int) -> dict[str, int]:
    """How many of the drawn pairs each split gets: what is asked for, and a share of the rest."""
    asked = dict(counts.items())
    spare = drawn - sum(asked.values())
    wanted = {split: count + 100 for split, count in asked.items()}
    total = sum(wanted.values())
    return {split: count + spare * wanted[split] // total for split, count in asked.items()}


def deal_pairs(
    pairs: Sequence[Pair],
    signatures: Mapping[Pair, Signature],
    counts: Counts,
    rng: random.Random,
) -> dict[str, list[Pair]]:
    """Pairs to splits at random, rare signatures first and in twos: each must have a partner."""
    groups: dict[Signature, list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[signatures[pair]].append(pair)
    left = _quotas(counts, len(pairs))
    pools: dict[str, list[Pair]] = {split: [] for split in left}
    for group in sorted(groups.values(), key=len):
        for chunk in _twos(group):
            fitting = [split for split in left if left[split] >= len(chunk)]
            for part in [chunk] if fitting else [[pair] for pair in chunk]:
                if open_splits := fitting or [split for split in left if left[split]]:
                    weights = [left[split] for split in open_splits]
                    split = rng.choices(open_splits, weights)[0]
                    pools[split] += part
                    left[split] -= len(part)
    return pools


def _twos(group: list[Pair]) -> list[list[Pair]]:
    """Twos, and a three if the number is odd; nothing of a single one."""
    twos = [group[at : at + 2] for at in range(0, len(group) - 1, 2)]
    if twos and len(group) % 2:
        twos[-1] = [*twos[-1], group[-1]]
    return twos


def matched(
    pool: Sequence[Pair],
    signatures: Mapping[Pair, Signature],
    count: int,
    rng: random.Random,
    *,
    split: str,
) -> list[tuple[Pair, Pair]]:
    """`count` pairs of the pool, each with the pair that its counterfactual asks for.

    Raises:
        TaskError: so many do not have a partner of their signature in the pool.
    """
    shuffled = rng.sample(pool, len(pool))
    alike: dict[Signature, list[Pair]] = defaultdict(list)
    for pair in shuffled:
        alike[signatures[pair]].append(pair)
    askable = [pair for pair in shuffled if len(alike[signatures[pair]]) > 1]
    if len(askable) < count:
        raise TaskError(
            f"{split}: only {len(askable)} pairs have a partner with as many digits and tokens, "
            f"not {count}: ask for fewer (n) or allow more digits"
        )
    return [(pair, _partner(pair, alike[signatures[pair]], rng)) for pair in askable[:count]]


def _partner(pair: Pair, alike: Sequence[Pair], rng: random.Random) -> Pair:
    """Of the pairs of the same signature one whose sum differs in the most digits."""
    text = str(sum(pair))
    most = len(text) - overflows(*pair)  # with equal lengths the leading 1 of an overflow is fixed
    first = rng.randrange(len(alike))
    best, best_differing = None, -1
    for other in (*alike[first:], *alike[:first]):
        if other == pair:
            continue
        differing = sum(x != y for x, y in zip(text, str(sum(other)), strict=True))
        if differing > best_differing:
            best, best_differing = other, differing
        if best_differing == most:
            break
    assert best is not None
    return best
