"""Which sample's output each sample is compared with."""

import torch
from jaxtyping import Int
from torch import Tensor

from ..errors import DecomposeError


def draw_references(
    count: int, generator: torch.Generator, *, itself: bool = False
) -> Int[Tensor, " count"]:
    """A random sample for each, with replacement.

    Args:
        count: samples to draw for and among.
        generator: what is drawn from (on the CPU).
        itself: also let a sample be compared with itself, whose gradient is zero under `mse` and
            `kl`; the paper's public code does.

    Raises:
        DecomposeError: there is only one sample, and it may not be compared with itself.
    """
    if itself:
        return torch.randint(count, (count,), generator=generator)
    if count < 2:
        raise DecomposeError(
            "one sample has no other one to be compared with: give more, or outputs as references"
        )
    drawn = torch.randint(count - 1, (count,), generator=generator)
    return drawn + (drawn >= torch.arange(count)).long()
