"""Principal directions of gradients, from inner products of samples alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import torch
from jaxtyping import Float
from torch import Tensor

from ...errors import DecomposeError
from .._gradients import Gradients
from .._parts import Outer
from .._store import StoredGradients
from .._structured import StructuredGradients

AT_ONCE = 256
"""Samples whose inner products with all others are taken together."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Principal:
    """The orthonormal directions that hold most of the gradients' energy (PCA without centring).

    A direction is a weighted sum of the samples' gradients, and is written out only where it is
    asked for.

    Attributes:
        train: the samples.
        weights: of each sample in each direction.
    """

    train: Gradients
    weights: Float[Tensor, "samples count"]

    @classmethod
    def of(
        cls, train: Gradients, count: int, progress: Callable[[int, int], None] | None = None
    ) -> Principal:
        """The first `count` of them.

        Args:
            train: gradients, each at norm 1 where that is how they are compared.
            count: directions.
            progress: called with samples done and all of them.

        Raises:
            DecomposeError: the gradients span fewer directions.
        """
        values, vectors = torch.linalg.eigh(_table(train, progress).double())
        values, vectors = values.flip(0)[:count], vectors.flip(1)[:, :count]
        held = int((values > 1e-6 * values[:1]).sum())
        if held < count:
            raise DecomposeError(
                f"{len(train)} gradients span {held} principal directions, not {count}: take more "
                "samples, or fewer directions"
            )
        return cls(train=train, weights=(vectors / values.sqrt()).float())

    @property
    def count(self) -> int:
        return self.weights.shape[1]

    @property
    def numbers(self) -> int:
        return sum(prod(shape) for shape in self.train.shapes.values())

    @property
    def tied(self) -> bool:
        return True

    def coefficients(self, gradients: Gradients) -> Float[Tensor, "batch count"]:
        return _products(gradients, self.train) @ self.weights

    def along(self, gradients: Gradients) -> Float[Tensor, "batch count"]:
        return self.coefficients(gradients)

    def gram(self) -> Float[Tensor, "count count"]:
        return torch.eye(self.count)

    def dense(self, index: int) -> dict[str, Tensor]:
        whole: dict[str, Tensor] = {}
        for rows in torch.arange(len(self.train)).split(AT_ONCE):
            part = self.train.rows(rows).scaled(self.weights[rows, index])
            for name, value in _sum(part).items():
                whole[name] = whole[name] + value if name in whole else value
        return whole


def _table(train: Gradients, progress: Callable[[int, int], None] | None) -> Tensor:
    """Inner products of all samples with each other, each pair once."""
    count = len(train)
    table = torch.zeros(count, count)
    for rows in torch.arange(count).split(AT_ONCE):
        first, after = int(rows[0]), int(rows[-1]) + 1
        found = train.rows(rows).products(train.rows(torch.arange(first, count)))
        table[first:after, first:] = found
        table[first:, first:after] = found.T
        if progress is not None:
            progress(after, count)
    return table


def _products(gradients: Gradients, train: Gradients) -> Tensor:
    with torch.no_grad():
        blocks = torch.arange(len(gradients)).split(AT_ONCE)
        return torch.cat([gradients.rows(rows).products(train) for rows in blocks])


def _sum(gradients: Gradients) -> dict[str, Tensor]:
    """The sum of all samples' gradients, none of which is written out if it need not be."""
    if isinstance(gradients, StoredGradients):
        gradients = gradients.loaded()
    if not isinstance(gradients, StructuredGradients):
        return {name: value.sum(0) for name, value in gradients.dense().items()}
    return {
        name: torch.stack(
            [
                part.as_one_row().dense()[0] if isinstance(part, Outer) else part.dense().sum(0)
                for part in parts
            ]
        ).sum(0)
        for name, parts in gradients.parts.items()
    }
