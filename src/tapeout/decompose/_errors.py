"""Gradients made ready, and what a reconstruction of them leaves out."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import DecomposeError, nearest
from ._directions import Directions
from ._gradients import Gradients

AT_ONCE = 512
"""Samples whose coefficients are computed together."""


def squared_errors(
    gradients: Gradients,
    decoder: Directions,
    coefficients: Float[Tensor, "batch count"],
    energy: Float[Tensor, " batch"],
    along: Float[Tensor, "batch count"] | None = None,
) -> Float[Tensor, " batch"]:
    """|g - cV|² of every sample, from inner products alone; may be below 0 by rounding.

    Args:
        gradients: g.
        decoder: V.
        coefficients: c, zero where a direction does not count.
        energy: |g|².
        along: V . g, where it is known already.
    """
    along = gradients.contract(decoder) if along is None else along
    own = ((coefficients @ decoder.gram()) * coefficients).sum(1)
    return energy - 2 * (coefficients * along).sum(1) + own


def chunks(gradients: Gradients) -> Iterator[tuple[Int[Tensor, " rows"], Gradients]]:
    """The same samples, some at a time, with their places."""
    for rows in torch.arange(len(gradients)).split(AT_ONCE):
        yield rows, gradients.rows(rows)


def contracted_in_chunks(gradients: Gradients, directions: Directions) -> Tensor:
    """Inner products of samples with directions, without gradients."""
    with torch.no_grad():
        return torch.cat([part.contract(directions) for _, part in chunks(gradients)])


def errors_in_chunks(
    gradients: Gradients, decoder: Directions, coefficients: Float[Tensor, "batch count"]
) -> Float[Tensor, " batch"]:
    """The same as `squared_errors`, without gradients and not below 0."""
    with torch.no_grad():
        parts = [
            squared_errors(g, decoder, coefficients[i], g.squared_norms())
            for i, g in chunks(gradients)
        ]
    return torch.cat(parts).clamp(min=0)


def prepared(gradients: Gradients, *, per_sample: bool) -> Gradients:
    """Gradients that can be decomposed, each at norm 1 if so asked (zero ones stay zero).

    Raises:
        DecomposeError: there are none, a gradient is not finite, or all of them are zero.
    """
    energy = gradients.squared_norms() if len(gradients) else torch.zeros(0)
    broken = (~energy.isfinite()).nonzero().flatten()
    if len(broken):
        raise DecomposeError(
            f"the gradients of {len(broken)} of {len(energy)} samples are not finite, that of "
            f"sample {int(broken[0])} first: leave them out, or look at what the model says there"
        )
    if not bool((energy > 0).any()):
        raise DecomposeError(
            f"all {len(energy)} gradients are zero: every sample agrees with its reference, or "
            "these parameters do not reach the outputs"
        )
    if not per_sample:
        return gradients
    return gradients.scaled(torch.where(energy > 0, energy.rsqrt(), 0.0))


def check_over(directions: Directions, gradients: Gradients) -> None:
    """Raise `DecomposeError` if directions and gradients are not over the same parameters."""
    ours, theirs = dict(directions.shapes), dict(gradients.shapes)
    for name in [*ours, *theirs]:
        if name not in theirs or name not in ours:
            raise DecomposeError(
                f"directions and gradients are not over the same parameters: only one has "
                f"{name!r}. {nearest(name, ours if name in theirs else theirs)}"
            )
        if ours[name] != theirs[name]:
            raise DecomposeError(
                f"{name!r} has shape {list(ours[name])} in the directions and "
                f"{list(theirs[name])} in the gradients"
            )
