"""Dealing questions to splits so that each has a counterfactual partner, and finding it."""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from ..errors import TaskError
from ._operands import Item

Solve = Callable[[Item], str]
Signature = tuple[int, ...]
"""What a question and its counterfactual must share."""


def deal_items(
    items: Sequence[Item],
    signatures: Mapping[Item, Signature],
    solve: Solve,
    counts: Mapping[str, int],
    rng: random.Random,
) -> dict[str, list[Item]]:
    """Items to splits at random, rare signatures first and in twos: each must have a partner.

    There must be as many items as `counts` asks for; what goes beyond is dealt too.
    """
    groups: dict[Signature, list[Item]] = defaultdict(list)
    for item in items:
        groups[signatures[item]].append(item)
    left = _quotas(counts, len(items))
    pools: dict[str, list[Item]] = {split: [] for split in left}
    for group in sorted(groups.values(), key=len):
        for chunk in _twos(group, solve, rng):
            fitting = [split for split in left if left[split] >= len(chunk)]
            for part in [chunk] if fitting else [[item] for item in chunk]:
                if open_splits := fitting or [split for split in left if left[split]]:
                    weights = [left[split] for split in open_splits]
                    split = rng.choices(open_splits, weights)[0]
                    pools[split] += part
                    left[split] -= len(part)
    return pools


def _quotas(counts: Mapping[str, int], drawn: int) -> dict[str, int]:
    """How many of the drawn items each split gets: what is asked for, and a share of the rest."""
    spare = drawn - sum(counts.values())
    wanted = {split: count + 100 for split, count in counts.items()}
    total = sum(wanted.values())
    return {split: count + spare * wanted[split] // total for split, count in counts.items()}


def _twos(group: list[Item], solve: Solve, rng: random.Random) -> list[list[Item]]:
    """Twos of different answers where they can be, and a three if the number is odd.

    Nothing comes of a single item.
    """
    ranked = sorted(group, key=solve)
    half = len(ranked) // 2
    twos = [[ranked[at], ranked[at + half]] for at in range(half)]
    if twos and len(ranked) % 2:
        twos[-1].append(ranked[-1])
    rng.shuffle(twos)
    return twos


def matched(
    pool: Sequence[Item],
    signatures: Mapping[Item, Signature],
    solve: Solve,
    count: int,
    rng: random.Random,
    *,
    split: str,
) -> list[tuple[Item, Item]]:
    """`count` items of the pool, each with the one that its counterfactual asks about.

    Raises:
        TaskError: so many do not have a partner of their signature and another answer in the pool.
    """
    shuffled = rng.sample(pool, len(pool))
    answers = {item: solve(item) for item in shuffled}
    alike: dict[Signature, list[Item]] = defaultdict(list)
    for item in shuffled:
        alike[signatures[item]].append(item)
    most = {own: _varying([answers[item] for item in group]) for own, group in alike.items()}
    askable = [item for item in shuffled if most[signatures[item]]]
    if len(askable) < count:
        raise TaskError(
            f"{split}: only {len(askable)} questions have a partner with as many digits and tokens "
            f"and another answer, not {count}: ask for fewer (n) or allow more digits"
        )
    return [
        (item, _partner(item, alike[signatures[item]], answers, most[signatures[item]], rng))
        for item in askable[:count]
    ]


def _varying(answers: Sequence[str]) -> int:
    """At how many places answers of one length differ from each other."""
    return sum(len(set(column)) > 1 for column in zip(*answers, strict=True))


def _partner(
    item: Item,
    alike: Sequence[Item],
    answers: Mapping[Item, str],
    most: int,
    rng: random.Random,
) -> Item:
    """Of the items of the same signature one whose answer differs at the most places."""
    text = answers[item]
    first = rng.randrange(len(alike))
    best, best_differing = item, 0
    for other in (*alike[first:], *alike[:first]):
        differing = sum(x != y for x, y in zip(text, answers[other], strict=True))
        if differing > best_differing:
            best, best_differing = other, differing
        if best_differing == most:
            break
    return best
