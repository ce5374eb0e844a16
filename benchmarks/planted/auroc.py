"""How well scores tell what belongs to a circuit from what does not."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def auroc(scores: Float[Tensor, " items"], positive: Bool[Tensor, " items"]) -> float:
    """The chance that a positive scores above a negative, ties counting half; 0.5 is chance."""
    gaps = scores[positive].double()[:, None] - scores[~positive].double()[None]
    return float((torch.sign(gaps) + 1).mean() / 2)
