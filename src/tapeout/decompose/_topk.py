"""Which coefficients count."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def batch_top_k(
    coefficients: Float[Tensor, "batch count"], share: float
) -> Bool[Tensor, "batch count"]:
    """The largest magnitudes of a batch, `share` of all of them, over samples and directions alike.

    So a sample may use more directions than another (paper 4, section 2.3; the public code's batch
    top-k). At least one coefficient counts, and none that is zero; of equal ones at the border
    some are left out, so never more than asked count.
    """
    magnitudes = coefficients.detach().abs().flatten()
    kept = max(1, int(share * len(magnitudes)))
    chosen = torch.zeros_like(magnitudes, dtype=torch.bool)
    chosen[magnitudes.topk(kept, sorted=False).indices] = True
    return (chosen & (magnitudes > 0)).view_as(coefficients)
