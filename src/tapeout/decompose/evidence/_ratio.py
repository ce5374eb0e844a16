"""A ratio of sums over samples, with an interval."""

import torch
from jaxtyping import Float
from torch import Tensor

from ...verify import Average

DRAWS = 2000


def ratio_of_sums(
    parts: Float[Tensor, " samples"],
    whole: Float[Tensor, " samples"],
    *,
    each: int = 1,
    seed: int = 0,
) -> Average:
    """sum(parts) / sum(whole) with percentiles of 2,000 bootstraps over rows.

    Args:
        parts: of every sample; for a paired comparison their difference.
        whole: of every sample.
        each: so many samples after each other are one row's, which is drawn whole.
        seed: of the draws.
    """
    parts, whole = (x.detach().cpu().double().reshape(-1, each).sum(1) for x in (parts, whole))
    draws = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(DRAWS):
        rows = torch.randint(len(parts), (len(parts),), generator=draws)
        found.append(parts[rows].sum() / whole[rows].sum().clamp(min=1e-300))
    low, high = torch.stack(found).quantile(torch.tensor([0.025, 0.975]).double()).tolist()
    return Average(float(parts.sum() / whole.sum()), low, high, len(parts))
