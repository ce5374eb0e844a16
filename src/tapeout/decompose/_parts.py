"""What per-sample gradients of one parameter tensor are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ._gradients import contracted


@dataclass(frozen=True, eq=False)
class Written:
    """Gradients that are small enough to be written out.

    Attributes:
        value: shape [batch, *shape].
    """

    value: Float[Tensor, "batch ..."]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.value.shape[1:])

    def __len__(self) -> int:
        return len(self.value)

    def rows(self, index: Int[Tensor, " chosen"]) -> Written:
        return Written(self.value[index])

    def scaled(self, scales: Float[Tensor, " batch"]) -> Written:
        return Written(self.value * scales.reshape(-1, *[1] * len(self.shape)))

    def contract(self, modes: tuple[Tensor, ...]) -> Float[Tensor, "batch count"]:
        return contracted(self.value, modes)

    def dense(self) -> Float[Tensor, "batch ..."]:
        return self.value

    def tensors(self) -> dict[str, Tensor]:
        return {"value": self.value}


@dataclass(frozen=True, eq=False)
class Outer:
    """Gradients of a matrix: sums over tokens of outer products.

    Attributes:
        left: one factor, shape [batch, tokens, height]; or the places of its only ones, shape
            [batch, tokens], where tokens look rows up.
        right: the other factor.
        height: of the matrix.
    """

    left: Tensor
    right: Float[Tensor, "batch tokens width"]
    height: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.height, self.right.shape[-1]

    @property
    def looks_up(self) -> bool:
        return not self.left.is_floating_point()

    def __len__(self) -> int:
        return len(self.right)

    def rows(self, index: Int[Tensor, " chosen"]) -> Outer:
        return Outer(self.left[index], self.right[index], self.height)

    def scaled(self, scales: Float[Tensor, " batch"]) -> Outer:
        return Outer(self.left, self.right * scales[:, None, None], self.height)

    def contract(self, modes: tuple[Tensor, ...]) -> Float[Tensor, "batch count"]:
        above, below = modes
        flat = above.flatten(0, 1).T
        left = F.embedding(self.left, flat) if self.looks_up else self.left @ flat
        right = self.right @ below.flatten(0, 1).T
        return (left * right).sum(1).unflatten(1, above.shape[:2]).sum(2)

    def dense(self) -> Float[Tensor, "batch height width"]:
        if not self.looks_up:
            return self.left.mT @ self.right
        whole = self.right.new_zeros(len(self), *self.shape)
        index = self.left[..., None].expand_as(self.right)
        return whole.scatter_add_(1, index, self.right)

    def written_left(self) -> Float[Tensor, "batch tokens height"]:
        """The first factor, with ones and zeros where tokens look rows up."""
        return F.one_hot(self.left, self.height).to(self.right) if self.looks_up else self.left

    def padded(self, tokens: int) -> Outer:
        """With further tokens that add nothing."""
        missing = tokens - self.right.shape[1]
        if not missing:
            return self
        left = F.pad(self.left, (0, missing) if self.looks_up else (0, 0, 0, missing))
        return Outer(left, F.pad(self.right, (0, 0, 0, missing)), self.height)

    def as_one_row(self) -> Outer:
        """The tokens of all samples as those of a single one."""
        return Outer(self.left.flatten(0, 1)[None], self.right.flatten(0, 1)[None], self.height)

    def tensors(self) -> dict[str, Tensor]:
        return {"left": self.left, "right": self.right}


Part = Written | Outer


def part_of(tensors: dict[str, Tensor], height: int) -> Part:
    """The inverse of `Part.tensors`."""
    if "value" in tensors:
        return Written(tensors["value"])
    return Outer(tensors["left"], tensors["right"], height)


def merged(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The same sum in as few parts as it can be held in."""
    if any(isinstance(part, Written) for part in parts):
        return (Written(torch.stack([part.dense() for part in parts]).sum(0)),)
    outer = [part for part in parts if isinstance(part, Outer)]
    kinds = [[p for p in outer if p.looks_up], [p for p in outer if not p.looks_up]]
    return tuple(
        Outer(
            torch.cat([part.left for part in kind], 1),
            torch.cat([part.right for part in kind], 1),
            kind[0].height,
        )
        for kind in kinds
        if kind
    )


def joined(parts: Sequence[Part]) -> Part:
    """The samples of parts of one kind, one after the other."""
    if isinstance(parts[0], Written):
        return Written(torch.cat([part.dense() for part in parts]))
    outer = [part for part in parts if isinstance(part, Outer)]
    tokens = max(part.right.shape[1] for part in outer)
    outer = [part.padded(tokens) for part in outer]
    return Outer(
        torch.cat([part.left for part in outer]),
        torch.cat([part.right for part in outer]),
        outer[0].height,
    )


def products_by_row(a: Part, b: Part) -> Float[Tensor, " batch"]:
    """Inner products of the gradients of the same samples."""
    if isinstance(a, Outer) and isinstance(b, Outer):
        return _by_token(a, b).sum((1, 2))
    return (a.dense() * b.dense()).flatten(1).sum(1)


def products(a: Part, b: Part) -> Float[Tensor, "batch others"]:
    """Inner products of the gradients of all samples of one with all of the other."""
    if isinstance(a, Outer) and isinstance(b, Outer):
        whole = _by_token(a.as_one_row(), b.as_one_row())[0]
        whole = whole.reshape(*a.right.shape[:2], *b.right.shape[:2])
        return whole.sum((1, 3))
    return a.dense().flatten(1) @ b.dense().flatten(1).T


def _by_token(a: Outer, b: Outer) -> Float[Tensor, "batch tokens others"]:
    """Inner products of every token's outer product with every other's."""
    return _left_products(a, b) * (a.right @ b.right.mT)


def _left_products(a: Outer, b: Outer) -> Tensor:
    if a.looks_up and b.looks_up:
        return (a.left[:, :, None] == b.left[:, None]).to(a.right)
    if a.looks_up:
        index = a.left[:, :, None].expand(-1, -1, b.left.shape[1])
        return torch.take_along_dim(b.left.mT, index, 1)
    return _left_products(b, a).mT if b.looks_up else a.left @ b.left.mT
