"""Dividing each template's instances among splits."""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import zip_longest

from ..errors import TaskError, nearest
from ._problem import PARTS, Problem, ProblemSplit


def counts_of(n: int | Mapping[str, int]) -> dict[str, int]:
    """Instances of a template by split: those given, or 52%, 8% and the rest of `n` (paper 2, 4.1:
    26, 4 and 20 of 50).

    Raises:
        TaskError: a split is unknown or missing, or would be empty.
    """
    if isinstance(n, int):
        if n < 3:
            raise TaskError(f"a template needs at least 3 instances, one a split, not {n}")
        train, validation = int(n * 0.52), max(int(n * 0.08), 1)
        return {"train": train, "validation": validation, "test": n - train - validation}
    for part in n:
        if part not in PARTS:
            raise TaskError(f"unknown split {part!r} in n: {nearest(part, PARTS)}")
    for part in PARTS:
        if n.get(part, 0) < 1:
            raise TaskError(f"n must give every split at least one instance; {part} has none")
    return {part: n[part] for part in PARTS}


def by_template(problems: Iterable[Problem]) -> dict[str, list[Problem]]:
    """The problems of each template, in their order."""
    found: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        found[problem.template_id].append(problem)
    return dict(found)


def divided(
    name: str, problems: Iterable[Problem], *, seed: int, held_out: Iterable[str] = ()
) -> dict[str, ProblemSplit]:
    """Every template's instances, shuffled by the seed and divided as `counts_of` says.

    Args:
        held_out: templates that only the test split has instances of.

    Raises:
        TaskError: a template has too few instances.
    """
    parts: dict[str, list[Problem]] = {part: [] for part in PARTS}
    out = set(held_out)
    for template_id, found in by_template(problems).items():
        rng = random.Random(f"{name}/{template_id}/{seed}")
        rng.shuffle(found)
        if len(found) < 3:
            raise TaskError(
                f"{name}: template {template_id!r} has {len(found)} instances, but three splits "
                "need one each"
            )
        start = 0
        for part, count in counts_of(len(found)).items():
            if part == "test" or template_id not in out:
                parts[part] += found[start : start + count]
            start += count
    return as_splits(name, parts)


def as_splits(name: str, parts: Mapping[str, Iterable[Problem]]) -> dict[str, ProblemSplit]:
    """Splits in which the templates take turns, so that the first problems are of all of them."""
    return {part: ProblemSplit(f"{name}/{part}", _in_turns(parts[part])) for part in PARTS}


def _in_turns(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    turns = zip_longest(*by_template(problems).values())
    return tuple(problem for turn in turns for problem in turn if problem is not None)
