"""Divergences of outputs from reference outputs, whose gradients are decomposed (paper 4, 2.2)."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from ..errors import DecomposeError, nearest

Divergence = Callable[[Tensor, Tensor], Tensor]
"""Outputs and reference outputs, both [samples, ..., outputs] -> one number a sample."""


def mse(
    output: Float[Tensor, "samples ..."], reference: Float[Tensor, "samples ..."]
) -> Float[Tensor, " samples"]:
    """The paper's: mean over outputs of (f - f_ref)^2, so that gradients are 2 (f - f_ref) df."""
    return _mean((output - reference.detach()).square())


def public_code(
    output: Float[Tensor, "samples ..."], reference: Float[Tensor, "samples ..."]
) -> Float[Tensor, " samples"]:
    """That of the paper's public code: mean over outputs of f (f - f_ref).

    Only f_ref is held fixed, so gradients are (2 f - f_ref) df: another objective than `mse`,
    with errors that cannot be compared to its.
    """
    return _mean(output * (output - reference.detach()))


def kl(
    output: Float[Tensor, "samples ... vocab"], reference: Float[Tensor, "samples ... vocab"]
) -> Float[Tensor, " samples"]:
    """KL(reference || prediction) of logits, summed over the vocabulary and in nats.

    Where a sample has several positions it is their mean.
    """
    target = reference.detach().log_softmax(-1)
    return _mean((target.exp() * (target - output.log_softmax(-1))).sum(-1))


DIVERGENCES: dict[str, Divergence] = {"kl": kl, "mse": mse, "public-code": public_code}
"""By name: how far outputs are from a reference."""


def divergence_named(name: str) -> Divergence:
    """A divergence by name.

    Raises:
        DecomposeError: there is none of this name.
    """
    if name not in DIVERGENCES:
        raise DecomposeError(f"no divergence {name!r}: {nearest(name, DIVERGENCES)}")
    return DIVERGENCES[name]


def _mean(values: Float[Tensor, "samples ..."]) -> Float[Tensor, " samples"]:
    return values.reshape(len(values), -1).mean(1) if values.dim() > 1 else values
