"""Directions that nobody learned: at random, and the weights' own."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ...errors import DecomposeError
from .._directions import Directions, Ranks, ranks_of
from .._errors import contracted_in_chunks
from .._gradients import Gradients
from ._candidates import Factored


def random_directions(gradients: Gradients, count: int, ranks: Ranks, seed: int) -> Factored:
    """Directions with normal factors.

    Raises:
        DecomposeError: a rank that a tensor does not allow, or of no known tensor.
    """
    draws = torch.Generator().manual_seed(seed)
    return Factored.of(Directions.random(gradients.shapes, count, ranks, draws))


def singular_directions(
    weights: Mapping[str, Tensor], gradients: Gradients, count: int, ranks: Ranks
) -> Factored:
    """Singular directions of the weights: of all tensors, those that hold most of the gradients.

    Each is of one tensor: `rank` singular vectors that follow each other, weighted by their
    values; a vector's is the vector itself. Tensors of more modes have none.

    Args:
        weights: parameter name -> tensor.
        gradients: by which directions are chosen.
        count: directions.
        ranks: of every tensor's.

    Raises:
        DecomposeError: the weights have fewer, or a rank that a tensor does not allow.
    """
    rank_of = ranks_of(gradients.shapes, ranks)
    every, energies = [], []
    for name in gradients.shapes:
        own = _of_one(name, weights[name].detach().float(), rank_of[name])
        if own is not None:
            every += [(name, own, place) for place in range(own.count)]
            energies.append(contracted_in_chunks(gradients, own).square().mean(0))
    if len(every) < count:
        raise DecomposeError(
            f"the weights have {len(every)} singular directions of these ranks, not {count}: take "
            "fewer directions, or lower ranks"
        )
    chosen = [every[place] for place in torch.cat(energies).topk(count).indices.tolist()]
    return Factored.of(_widened(chosen, gradients, rank_of))


def _of_one(name: str, weight: Tensor, rank: int) -> Directions | None:
    if weight.dim() == 1:
        factors = (weight[None, None],)
    elif weight.dim() == 2:
        left, values, right = torch.linalg.svd(weight, full_matrices=False)
        whole, root = len(values) // rank * rank, values.sqrt()[:, None]
        above, below = (left.T * root)[:whole], (right * root)[:whole]
        factors = above.unflatten(0, (-1, rank)), below.unflatten(0, (-1, rank))
    else:
        return None
    return Directions(factors={name: factors}, shapes={name: tuple(weight.shape)}).normalised()


def _widened(
    chosen: list[tuple[str, Directions, int]], gradients: Gradients, ranks: Mapping[str, int]
) -> Directions:
    """Directions of one tensor each as directions over all of them, zero in the others."""
    draws = torch.Generator()
    whole = Directions.random(gradients.shapes, len(chosen), ranks, draws)
    for factor in whole.parameters():
        factor.zero_()
    for row, (name, own, place) in enumerate(chosen):
        for factor, mine in zip(whole.factors[name], own.factors[name], strict=True):
            factor[row] = mine[place]
    return whole
