"""Per-sample gradients that are never built: inputs and back-propagated outputs of layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ._directions import Directions, Ranks, Shapes, ranks_of
from ._gradients import Gradients
from ._parts import Outer, Part, joined, products, products_by_row

PRODUCTS_AT_ONCE = 2**24
"""Numbers that inner products of samples hold at a time."""


@dataclass(frozen=True, eq=False)
class StructuredGradients:
    """Gradients of linear, embedding and norm layers in the form in which they arise.

    The gradient of a linear layer's weight is, for one sample, a sum over its tokens of outer
    products of what was propagated back to the output and of the input. Contractions, norms and
    inner products come from products of these factors, so cost and memory grow with tokens and
    rank and not with the sizes of tensors.

    Attributes:
        parts: parameter name -> what its gradients are the sum of.
    """

    parts: Mapping[str, tuple[Part, ...]]

    @property
    def shapes(self) -> Shapes:
        return {name: parts[0].shape for name, parts in self.parts.items()}

    def __len__(self) -> int:
        return len(next(iter(self.parts.values()))[0])

    def rows(self, index: Int[Tensor, " chosen"]) -> StructuredGradients:
        return self._mapped(lambda part: part.rows(index))

    def scaled(self, scales: Float[Tensor, " batch"]) -> StructuredGradients:
        return self._mapped(lambda part: part.scaled(scales))

    def contract(self, directions: Directions) -> Float[Tensor, "batch count"]:
        terms = [
            part.contract(modes)
            for name, modes in directions.factors.items()
            for part in self.parts[name]
        ]
        return torch.stack(terms).sum(0)

    def squared_norms(self) -> Float[Tensor, " batch"]:
        terms = [
            products_by_row(a, b)
            for parts in self.parts.values()
            for a, b in product(parts, repeat=2)
        ]
        return torch.stack(terms).sum(0).clamp(min=0)

    def products(self, other: Gradients) -> Float[Tensor, "batch others"]:
        if not isinstance(other, StructuredGradients):
            return other.products(self).T
        at_once = max(1, PRODUCTS_AT_ONCE // max(1, self._tokens * other._tokens * len(other)))
        blocks = torch.arange(len(self)).split(at_once)
        return torch.cat([self.rows(block)._products(other) for block in blocks])

    def _products(self, other: StructuredGradients) -> Tensor:
        terms = [
            products(a, b)
            for name, parts in self.parts.items()
            for a, b in product(parts, other.parts[name])
        ]
        return torch.stack(terms).sum(0)

    @property
    def _tokens(self) -> int:
        """The most tokens that a part has."""
        every = [part for parts in self.parts.values() for part in parts]
        return max((part.right.shape[1] for part in every if isinstance(part, Outer)), default=1)

    def approximated(self, ranks: Ranks) -> Directions:
        rank_of = ranks_of(self.shapes, ranks)
        factors = {}
        for name, parts in self.parts.items():
            outer = [part for part in parts if isinstance(part, Outer)]
            if len(outer) < len(parts):
                written = {name: torch.stack([part.dense() for part in parts]).sum(0)}
                factors[name] = Directions.from_dense(written, rank_of[name]).factors[name]
            else:
                factors[name] = _leading(outer, rank_of[name])
        return Directions(factors=factors, shapes=self.shapes)

    def dense(self) -> dict[str, Tensor]:
        return {
            name: torch.stack([part.dense() for part in parts]).sum(0)
            for name, parts in self.parts.items()
        }

    def to(self, device: torch.device | str) -> StructuredGradients:
        def moved(part: Part) -> Part:
            if isinstance(part, Outer):
                return Outer(part.left.to(device), part.right.to(device), part.height)
            return type(part)(part.value.to(device))

        return self._mapped(moved)

    @staticmethod
    def cat(batches: Sequence[StructuredGradients]) -> StructuredGradients:
        """Samples one after the other; those with fewer tokens are filled up with zeros."""
        return StructuredGradients(
            {
                name: tuple(
                    joined([batch.parts[name][place] for batch in batches])
                    for place in range(len(parts))
                )
                for name, parts in batches[0].parts.items()
            }
        )

    def _mapped(self, change: Callable[[Part], Part]) -> StructuredGradients:
        return StructuredGradients(
            {name: tuple(map(change, parts)) for name, parts in self.parts.items()}
        )


def _leading(parts: list[Outer], rank: int) -> tuple[Tensor, Tensor]:
    """Factors of the best approximations of a rank, from matrices no wider than the tokens."""
    left = torch.cat([part.written_left() for part in parts], 1)
    right = torch.cat([part.right for part in parts], 1)
    above, below = torch.linalg.qr(left.mT), torch.linalg.qr(right.mT)
    u, values, v = torch.linalg.svd(above.R @ below.R.mT, full_matrices=False)
    root = values[:, :rank, None].sqrt()
    factors = (above.Q @ u).mT[:, :rank] * root, (below.Q @ v.mT).mT[:, :rank] * root
    missing = rank - root.shape[1]
    if missing <= 0:
        return factors
    return tuple(torch.nn.functional.pad(factor, (0, 0, 0, missing)) for factor in factors)  # pyright: ignore[reportReturnType]
