"""Inputs of which few are active at a time."""

import torch
from jaxtyping import Float
from torch import Tensor


def sparse_inputs(
    count: int,
    *,
    features: int,
    group: int = 1,
    active: float = 0.05,
    low: float = 0.0,
    generator: torch.Generator,
) -> Float[Tensor, "count features"]:
    """Uniform values in (low, 1) times whether a feature is active; no row is all zero.

    Args:
        count: rows.
        features: columns.
        group: so many neighbouring features are active, or not, together.
        active: how often a group is.
        low: the smallest value.
        generator: of every draw.
    """
    rows: list[Tensor] = []
    while sum(map(len, rows)) < count:
        on = torch.rand(count, features // group, generator=generator) < active
        values = torch.rand(count, features, generator=generator) * (1 - low) + low
        drawn = values * on.repeat_interleave(group, dim=1)
        rows.append(drawn[on.any(dim=1)])
    return torch.cat(rows)[:count]
