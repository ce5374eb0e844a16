"""A set of directions as it is compared with others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from .._decomposition import Decomposition
from .._directions import Directions
from .._errors import contracted_in_chunks
from .._gradients import Gradients


@runtime_checkable
class Candidate(Protocol):
    """Directions of norm 1 over the whole network, and how they are found in a gradient."""

    @property
    def count(self) -> int: ...

    @property
    def numbers(self) -> int:
        """How many numbers a direction holds."""
        ...

    @property
    def tied(self) -> bool:
        """Coefficients are inner products with the directions themselves."""
        ...

    def coefficients(self, gradients: Gradients) -> Float[Tensor, "batch count"]:
        """How much of each direction is in each gradient, before any is left out."""
        ...

    def along(self, gradients: Gradients) -> Float[Tensor, "batch count"]:
        """Inner products of gradients with the directions."""
        ...

    def gram(self) -> Float[Tensor, "count count"]:
        """Inner products of the directions."""
        ...

    def dense(self, index: int) -> dict[str, Tensor]:
        """One direction, written out."""
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class Factored:
    """Directions in low-rank form.

    Attributes:
        decoder: the directions.
        encoder: what a gradient is multiplied with to get its coefficients.
    """

    decoder: Directions
    encoder: Directions

    @classmethod
    def of(cls, found: Decomposition | Directions) -> Factored:
        """A decomposition's; or directions that encode too."""
        if isinstance(found, Directions):
            return cls(decoder=found, encoder=found)
        return cls(decoder=found.decoder, encoder=found.encoder)

    @property
    def count(self) -> int:
        return self.decoder.count

    @property
    def numbers(self) -> int:
        return self.decoder.numbers

    @property
    def tied(self) -> bool:
        return self.encoder is self.decoder

    def coefficients(self, gradients: Gradients) -> Float[Tensor, "batch count"]:
        return contracted_in_chunks(gradients, self.encoder)

    def along(self, gradients: Gradients) -> Float[Tensor, "batch count"]:
        return contracted_in_chunks(gradients, self.decoder)

    def gram(self) -> Float[Tensor, "count count"]:
        with torch.no_grad():
            return self.decoder.gram()

    def dense(self, index: int) -> dict[str, Tensor]:
        return self.decoder.dense(index)
