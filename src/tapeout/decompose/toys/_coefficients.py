"""The coefficients of X -> AX, read off directions (paper 4, section 3.2.2)."""

import torch
from jaxtyping import Float
from torch import Tensor

from ...errors import DecomposeError
from .._directions import Directions


def coefficients_of(directions: Directions) -> Float[Tensor, "features outputs"]:
    """Each feature's outputs, up to a factor, through the hidden unit that a direction is of.

    That unit is the one whose outgoing weights have the largest norm in the direction; a
    feature's coefficients are its weight into the unit times the unit's outgoing weights
    (equations 11 and 12). Of all directions the one counts in which they are largest.

    Args:
        directions: over `encoder.weight` and `decoder.weight` of an autoencoder. Where a feature
            has several, scale them by how strongly they are used, so that the main one counts.

    Raises:
        DecomposeError: they are over other parameters.
    """
    dense = directions.dense()
    if not {"encoder.weight", "decoder.weight"} <= dense.keys():
        raise DecomposeError(
            f"coefficients are read off encoder.weight and decoder.weight, and these directions "
            f"are over {', '.join(dense)}"
        )
    encoder, decoder = dense["encoder.weight"].detach(), dense["decoder.weight"].detach()
    every = torch.arange(len(decoder))
    unit = decoder.norm(dim=1).argmax(1)
    traced = encoder[every, unit][:, :, None] * decoder[every, :, unit][:, None]
    best = traced.norm(dim=2).argmax(0)
    return traced[best, torch.arange(traced.shape[1])]


def coefficient_r2(
    found: Float[Tensor, "features outputs"], truth: Float[Tensor, "features outputs"]
) -> float:
    """The part of the variance of true coefficients that found ones explain.

    Directions have no scale of their own, so every feature's coefficients are scaled to fit.
    """
    scales = (found * truth).sum(1) / found.square().sum(1).clamp(min=1e-30)
    off = (truth - scales[:, None] * found).square().sum()
    return 1 - float(off / (truth - truth.mean()).square().sum())


def coefficient_cap(truth: Float[Tensor, "features outputs"], hidden: int) -> float:
    """The highest r² against A that a map through so few hidden units can have."""
    left, values, right = torch.linalg.svd(truth, full_matrices=False)
    fit = left[:, :hidden] * values[:hidden] @ right[:hidden]
    return 1 - float((truth - fit).square().sum() / (truth - truth.mean()).square().sum())
