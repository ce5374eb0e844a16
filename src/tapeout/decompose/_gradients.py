"""Per-sample gradients as the decomposition needs them: rarely, if ever, written out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ._directions import Directions, Ranks, Shapes


@runtime_checkable
class Gradients(Protocol):
    """The gradients of a number of samples, one row a sample.

    The reconstruction loss needs no more than this: with coefficients `c` of a decoder `V`,
    |g - cV|^2 = |g|^2 - 2 c . `contract(V)` + c `V.gram()` c.
    """

    @property
    def shapes(self) -> Shapes:
        """Parameter name -> shape."""
        ...

    def __len__(self) -> int: ...

    def rows(self, index: Int[Tensor, " chosen"]) -> Gradients:
        """The gradients of some samples, in this order."""
        ...

    def scaled(self, scales: Float[Tensor, " batch"]) -> Gradients:
        """Every sample's gradient times a number of its own."""
        ...

    def contract(self, directions: Directions) -> Float[Tensor, "batch count"]:
        """Inner products with directions, differentiable by their factors."""
        ...

    def squared_norms(self) -> Float[Tensor, " batch"]:
        """Squared L2 norms over all tensors together."""
        ...

    def products(self, other: Gradients) -> Float[Tensor, "batch others"]:
        """Inner products with the gradients of other samples, of the same kind."""
        ...

    def approximated(self, ranks: Ranks) -> Directions:
        """Every sample's gradient as a direction of these ranks: the best one, for matrices."""
        ...

    def dense(self) -> dict[str, Tensor]:
        """Written out: parameter name -> shape [batch, *shape]."""
        ...


@dataclass(frozen=True, eq=False)
class ExplicitGradients:
    """Gradients that are written out.

    Attributes:
        values: parameter name -> shape [batch, *shape].
    """

    values: Mapping[str, Float[Tensor, "batch ..."]]

    @property
    def shapes(self) -> Shapes:
        return {name: tuple(value.shape[1:]) for name, value in self.values.items()}

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def rows(self, index: Int[Tensor, " chosen"]) -> ExplicitGradients:
        return ExplicitGradients({name: value[index] for name, value in self.values.items()})

    def scaled(self, scales: Float[Tensor, " batch"]) -> ExplicitGradients:
        return ExplicitGradients(
            {
                name: value * scales.reshape(-1, *[1] * (value.dim() - 1))
                for name, value in self.values.items()
            }
        )

    def contract(self, directions: Directions) -> Float[Tensor, "batch count"]:
        return torch.stack(
            [contracted(self.values[name], modes) for name, modes in directions.factors.items()]
        ).sum(0)

    def squared_norms(self) -> Float[Tensor, " batch"]:
        return torch.stack([_flat(value).square().sum(1) for value in self.values.values()]).sum(0)

    def products(self, other: Gradients) -> Float[Tensor, "batch others"]:
        theirs = other.dense()
        return torch.stack(
            [_flat(value) @ _flat(theirs[name]).T for name, value in self.values.items()]
        ).sum(0)

    def approximated(self, ranks: Ranks) -> Directions:
        return Directions.from_dense(self.values, ranks)

    def dense(self) -> dict[str, Tensor]:
        return dict(self.values)

    @staticmethod
    def cat(parts: Sequence[ExplicitGradients]) -> ExplicitGradients:
        """Samples one after the other."""
        return ExplicitGradients(
            {name: torch.cat([part.values[name] for part in parts]) for name in parts[0].values}
        )


def _flat(value: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch size"]:
    return value.reshape(len(value), -1)


def contracted(
    value: Float[Tensor, "batch ..."], modes: tuple[Float[Tensor, "count rank _"], ...]
) -> Float[Tensor, "batch count"]:
    """One tensor's share of the inner products, mode by mode from the last."""
    if value.dim() == 1:
        value = value[:, None]
    whole = torch.einsum("b...d,crd->b...cr", value, modes[-1])
    for factor in reversed(modes[:-1]):
        whole = torch.einsum("b...dcr,crd->b...cr", whole, factor)
    return whole.sum(-1)
