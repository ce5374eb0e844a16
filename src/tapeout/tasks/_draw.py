"""What the built-in tasks share: dividing words among splits, and drawing prompts from them."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ..errors import TaskError
from ._criterion import EXACT, Criterion
from ._example import Example, encode
from ._metrics import (
    ABOVE_FOIL,
    LOG_LIKELIHOOD,
    LOGIT_DIFFERENCE,
    PROBABILITY_DIFFERENCE,
    Metric,
)
from ._task import SPLITS, Counts, Split, Task

T = TypeVar("T")
SHARES: Mapping[str, float] = {"train": 0.35, "validation": 0.15, "test": 0.35, "reference": 0.15}
CONTRAST: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (LOGIT_DIFFERENCE, ABOVE_FOIL, PROBABILITY_DIFFERENCE, LOG_LIKELIHOOD)
}
"""Metrics for single-token answers with foils; the first is the main one."""


def assemble(
    name: str,
    tokenizer: Any,
    examples: Callable[[str, int, random.Random], list[Example]],
    *,
    counts: Counts,
    seed: int,
    metrics: Mapping[str, Metric],
    criterion: Criterion = EXACT,
    **options: Any,
) -> Task:
    """A task from what makes the examples of a split: its name, its size, and its random source.

    Every split has a random source of its own, so that the size of one does not change another.

    Raises:
        TaskError: a split is empty, splits share content, or the first example does not tokenise.
    """
    splits = {
        split: Split(
            f"{name}/{split}",
            examples(split, count, random.Random(f"{name}/{split}/{seed}")),
            tokenizer,
            criterion,
        )
        for split, count in counts.items()
    }
    config = {"name": name, "n": dict(counts.items()), "seed": seed, **options}
    task = Task(name=name, metrics=metrics, config=config, **splits)
    encode(tokenizer, task.train[0])
    return task


def deal(items: Sequence[T], rng: random.Random, *, least: int = 1) -> dict[str, list[T]]:
    """Each item to one split at random, in proportion to `SHARES`, but `least` to each or more.

    There must be `4 * least` items or more.
    """
    spare = len(items) - least * len(SPLITS)
    sizes = {split: least + int(SHARES[split] * spare) for split in SPLITS}
    sizes["train"] += len(items) - sum(sizes.values())
    shuffled = iter(rng.sample(items, len(items)))
    return {split: [next(shuffled) for _ in range(size)] for split, size in sizes.items()}


def evenly(
    sizes: Sequence[int], n: int, rng: random.Random, *, split: str
) -> list[tuple[int, int]]:
    """`n` different (cell, index within the cell), with as equal a share of each cell as can be.

    Args:
        sizes: how many different prompts each cell (a template, say) can make.
        split: what the error calls them.

    Raises:
        TaskError: the cells cannot make so many.
    """
    if n > sum(sizes):
        raise TaskError(
            f"{split} can have {sum(sizes)} different prompts at most, not {n}: ask for fewer (n)"
        )
    taken = [0] * len(sizes)
    while missing := n - sum(taken):
        open_cells = [cell for cell, size in enumerate(sizes) if taken[cell] < size]
        for cell in rng.sample(open_cells, min(missing, len(open_cells))):
            taken[cell] += 1
    chosen = [
        (cell, index)
        for cell, count in enumerate(taken)
        for index in rng.sample(range(sizes[cell]), count)
    ]
    rng.shuffle(chosen)
    return chosen


def unpack(index: int, *bases: int) -> list[int]:
    """The digits of `index` in a mixed base, the last one first to vary."""
    digits = []
    for base in reversed(bases):
        index, digit = divmod(index, base)
        digits.append(digit)
    return digits[::-1]


def token_counts(tokenizer: Any, words: Iterable[str]) -> dict[str, int]:
    """Tokens that each word has after a space; words that the tokenizer does not know are left out.

    Names are never the first word of a prompt: the first position is exempt from replacement, and
    the token would be another.
    """
    words = list(words)
    before = list(tokenizer("So").input_ids)
    unknown = getattr(tokenizer, "unk_token_id", None)
    counts = {}
    for word, ids in zip(words, tokenizer([f"So {word}" for word in words]).input_ids, strict=True):
        own = list(ids[len(before) :])
        if list(ids[: len(before)]) == before and own and unknown not in own:
            counts[word] = len(own)
    return counts
