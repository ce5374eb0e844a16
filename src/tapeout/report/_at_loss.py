"""How large circuits of several models are at equal loss."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

Sizes = dict[str, dict[str, float]]
"""Model -> task -> size."""


def sizes_at_loss(
    models: Mapping[str, Iterable[Mapping[str, Any]]], size: str
) -> dict[float, Sizes]:
    """Target loss -> model -> task -> size of its circuit, the geometric mean over seeds.

    A task counts for a model where its circuits reach the target with every seed.

    Args:
        models: name -> circuits of one method as rows with `task`, `seed`, `target_loss` and the
            size; of several of one seed the smallest counts.
        size: the field of the size, such as `nodes` or `edges`.
    """
    found: dict[float, dict[str, dict[str, dict[Any, int]]]] = {}
    for model, rows in models.items():
        for row in rows:
            tasks = found.setdefault(row["target_loss"], {}).setdefault(model, {})
            seeds, own = tasks.setdefault(row["task"], {}), max(row[size], 1)
            seeds[row["seed"]] = min(own, seeds.get(row["seed"], own))
    return {target: _means(found[target]) for target in sorted(found)}


def _means(models: Mapping[str, Mapping[str, Mapping[Any, int]]]) -> Sizes:
    all_seeds = max(len(seeds) for tasks in models.values() for seeds in tasks.values())
    return {
        model: {
            task: math.exp(math.fsum(map(math.log, seeds.values())) / all_seeds)
            for task, seeds in tasks.items()
            if len(seeds) == all_seeds
        }
        for model, tasks in models.items()
    }


def size_ratio(sizes: Sizes, large: str, small: str) -> tuple[int, float]:
    """Over how many tasks of both models, and the geometric mean of how many times as large.

    Args:
        sizes: at one loss.
        large, small: the models' names.
    """
    one, other = sizes.get(large, {}), sizes.get(small, {})
    both = sorted(set(one) & set(other))
    logs = [math.log(one[task] / other[task]) for task in both]
    return len(both), math.exp(math.fsum(logs) / len(logs)) if logs else math.nan
