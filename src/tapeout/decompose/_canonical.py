"""Low-rank factors of tensors: the canonical polyadic form of one tensor or of many at once."""

from math import prod

import torch
from jaxtyping import Float
from torch import Tensor

SWEEPS = 30
"""Sweeps of alternating least squares where a tensor has more than two modes."""


def modes_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes of a tensor's factors; a number counts as a vector of one."""
    return tuple(shape) or (1,)


def highest_rank(shape: tuple[int, ...]) -> int:
    """No tensor of this shape needs more rank-1 terms than this."""
    modes = modes_of(shape)
    return prod(modes) // max(modes)


def factored(
    tensors: Float[Tensor, "count ..."], rank: int
) -> tuple[Float[Tensor, "count rank _"], ...]:
    """Factors of low-rank approximations, one for every mode.

    A matrix's is its best one (truncated SVD), a vector's is the vector. More modes are fitted by
    alternating least squares from the leading singular vectors of every unfolding.
    """
    count, modes = len(tensors), modes_of(tuple(tensors.shape[1:]))
    tensors = tensors.reshape(count, *modes)
    if len(modes) == 1:
        return (tensors[:, None],)
    if len(modes) == 2:
        left, values, right = torch.linalg.svd(tensors, full_matrices=False)
        root = values[:, :rank, None].sqrt()
        return left.mT[:, :rank] * root, right[:, :rank] * root
    return _alternating(tensors, rank)


def _alternating(tensors: Float[Tensor, "count ..."], rank: int) -> tuple[Tensor, ...]:
    order = tensors.dim() - 1
    unfolded = [tensors.movedim(mode + 1, 1).flatten(2) for mode in range(order)]
    factors = [_leading(matrix, rank) for matrix in unfolded]
    for _ in range(SWEEPS):
        for mode in range(order):
            others = [factor for place, factor in enumerate(factors) if place != mode]
            design = _khatri_rao(others)
            solved = torch.linalg.lstsq(
                design.mT @ design + 1e-9 * torch.eye(rank, dtype=design.dtype),
                design.mT @ unfolded[mode].mT,
            )
            factors[mode] = solved.solution
    return tuple(factors)


def _leading(matrix: Float[Tensor, "count rows columns"], rank: int) -> Tensor:
    """Leading left singular vectors; where they run out, noise from a fixed seed."""
    vectors = torch.linalg.svd(matrix, full_matrices=False).U.mT[:, :rank]
    missing = rank - vectors.shape[1]
    noise = torch.randn(
        (len(matrix), missing, matrix.shape[1]), generator=torch.Generator().manual_seed(0)
    )
    return torch.cat([vectors, noise.to(vectors)], 1)


def _khatri_rao(factors: list[Float[Tensor, "count rank _"]]) -> Float[Tensor, "count size rank"]:
    """Every rank-1 term of these modes, flattened, as a column."""
    whole = factors[0]
    for factor in factors[1:]:
        whole = (whole[..., None] * factor[:, :, None]).flatten(2)
    return whole.mT
