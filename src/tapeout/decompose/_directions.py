"""Directions in parameter space, held as low-rank factors of every tensor (paper 4, eq. 6)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import DecomposeError, nearest
from ._canonical import factored, highest_rank, modes_of

Shapes = Mapping[str, tuple[int, ...]]
"""Parameter name -> shape."""
Ranks = int | Mapping[str, int]
"""One rank for all tensors, or one by name (1 for those not named); a vector's is always 1."""

SCHEMA_VERSION = 1
FILE = "directions.safetensors"


@dataclass(frozen=True, eq=False, kw_only=True)
class Directions:
    """A number of directions over the same parameter tensors.

    A direction's part of a tensor is a sum of `rank` outer products of one vector for each mode
    of the tensor (canonical polyadic form, paper 4 section 2.3.1).

    Attributes:
        factors: parameter name -> one factor for each of its modes.
        shapes: parameter name -> the tensor's shape.
    """

    factors: Mapping[str, tuple[Float[Tensor, "count rank _"], ...]]
    shapes: Shapes

    @classmethod
    def random(
        cls, shapes: Shapes, count: int, ranks: Ranks, generator: torch.Generator
    ) -> Directions:
        """Normal factors, at unit norm over the whole network.

        Args:
            shapes: parameter name -> shape.
            count: how many directions.
            ranks: of all tensors, or by name.
            generator: what they are drawn from (on the CPU).

        Raises:
            DecomposeError: a rank is higher than its tensor allows, or of no known tensor.
        """
        rank_of = ranks_of(shapes, ranks)
        factors = {
            name: tuple(
                torch.randn((count, rank_of[name], size), generator=generator)
                for size in modes_of(shape)
            )
            for name, shape in shapes.items()
        }
        return cls(factors=factors, shapes=dict(shapes)).normalised()

    @classmethod
    def from_dense(
        cls, dense: Mapping[str, Float[Tensor, "count ..."]], ranks: Ranks
    ) -> Directions:
        """Low-rank approximations of dense directions (the best ones, where tensors are matrices).

        Args:
            dense: parameter name -> tensors with a leading axis of directions.
            ranks: of all tensors, or by name.

        Raises:
            DecomposeError: a rank is higher than its tensor allows, or of no known tensor.
        """
        shapes = {name: tuple(tensors.shape[1:]) for name, tensors in dense.items()}
        rank_of = ranks_of(shapes, ranks)
        factors = {name: factored(tensors, rank_of[name]) for name, tensors in dense.items()}
        return cls(factors=factors, shapes=shapes)

    @property
    def count(self) -> int:
        return len(next(iter(self.factors.values()))[0])

    @property
    def ranks(self) -> dict[str, int]:
        return {name: modes[0].shape[1] for name, modes in self.factors.items()}

    @property
    def numbers(self) -> int:
        """How many numbers a direction holds."""
        return sum(factor[0].numel() for modes in self.factors.values() for factor in modes)

    def parameters(self) -> list[Tensor]:
        """Every factor, in a fixed order."""
        return [factor for modes in self.factors.values() for factor in modes]

    def tensors(self) -> dict[str, Tensor]:
        """Every factor by `NAME.MODE`."""
        return {
            f"{name}.{mode}": factor
            for name, modes in self.factors.items()
            for mode, factor in enumerate(modes)
        }

    def trainable(self) -> Directions:
        """A copy whose factors are leaves that ask for gradients."""
        return self._mapped(lambda factor: factor.detach().clone().requires_grad_())

    def detached(self) -> Directions:
        """A copy without gradients."""
        return self._mapped(lambda factor: factor.detach().clone())

    def to(self, target: torch.device | torch.dtype | str) -> Directions:
        return self._mapped(lambda factor: factor.to(target))

    def select(self, indices: Int[Tensor, " chosen"] | Sequence[int]) -> Directions:
        """Some of the directions, in this order."""
        index = torch.as_tensor(indices, dtype=torch.long)
        return self._mapped(lambda factor: factor[index.to(factor.device)])

    def dense(self, index: int | None = None) -> dict[str, Tensor]:
        """One direction by parameter name; with no index all of them, along a leading axis."""
        chosen = self if index is None else self.select([index])
        whole: dict[str, Tensor] = {}
        for name, modes in chosen.factors.items():
            terms = modes[0]
            for factor in modes[1:]:
                terms = (terms[..., None] * factor[:, :, None]).flatten(2)
            tensors = terms.sum(1).reshape(-1, *self.shapes[name])
            whole[name] = tensors if index is None else tensors[0]
        return whole

    def gram(self, other: Directions | None = None) -> Float[Tensor, "count others"]:
        """Inner products of directions with each other, or with others over the same tensors.

        They come from inner products of factors: the cost grows with the tensors' edges, not
        with their sizes.
        """
        other = self if other is None else other
        whole = 0
        for name, modes in self.factors.items():
            terms = prod_of(
                mine.flatten(0, 1) @ theirs.flatten(0, 1).mT
                for mine, theirs in zip(modes, other.factors[name], strict=True)
            )
            count, rank = modes[0].shape[:2]
            whole = whole + terms.reshape(count, rank, other.count, -1).sum((1, 3))
        return torch.as_tensor(whole)

    def squared_norms(self) -> Float[Tensor, " count"]:
        """Squares of `norms`, with gradients that exist at zero."""
        parts = [
            prod_of(factor @ factor.mT for factor in modes).sum((1, 2))
            for modes in self.factors.values()
        ]
        return torch.stack(parts).sum(0).clamp(min=0)

    def norms(self) -> Float[Tensor, " count"]:
        """Each direction's L2 norm over all tensors together."""
        return self.squared_norms().sqrt()

    def normalised(self) -> Directions:
        """Every direction at norm 1 over the whole network; one that is zero stays zero.

        A tensor's factors share what its part is divided by evenly, so a tensor keeps its share
        of the direction.
        """
        return self.scaled(1 / _positive(self.norms()))

    def normalise_(self) -> None:
        """The same in place and without gradients, for factors that an optimiser holds."""
        with torch.no_grad():
            scaled = self.normalised()
            for own, new in zip(self.parameters(), scaled.parameters(), strict=True):
                own.copy_(new)

    def scaled(self, scales: Float[Tensor, " count"]) -> Directions:
        """Every direction times a number above 0 of its own, spread evenly over its factors."""
        factors = {
            name: tuple(factor * scales[:, None, None] ** (1 / len(modes)) for factor in modes)
            for name, modes in self.factors.items()
        }
        return Directions(factors=factors, shapes=self.shapes)

    @staticmethod
    def cat(parts: Sequence[Directions]) -> Directions:
        """Directions over the same tensors and of the same ranks, one after the other."""
        first = parts[0]
        factors = {
            name: tuple(
                torch.cat([part.factors[name][mode] for part in parts]) for mode in range(len(own))
            )
            for name, own in first.factors.items()
        }
        return Directions(factors=factors, shapes=first.shapes)

    def save(self, folder: Path | str) -> Path:
        """Write `directions.safetensors` into a folder, whole or not at all; returns its path.

        Raises:
            DecomposeError: it cannot be written.
        """
        path = Path(folder) / FILE
        partial = path.with_name(f".{FILE}.partial")
        tensors = {n: value.detach().cpu().contiguous() for n, value in self.tensors().items()}
        head = {"schema_version": SCHEMA_VERSION, "shapes": self.shapes}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file(tensors, partial, metadata={"directions": json.dumps(head)})
            os.replace(partial, path)
        except (OSError, SafetensorError) as error:
            raise DecomposeError(f"cannot write the directions to {path}: {error}") from error
        return path

    @classmethod
    def load(cls, folder: Path | str) -> Directions:
        """What `save` wrote.

        Raises:
            DecomposeError: there is nothing, it is damaged, or of a newer schema.
        """
        path = Path(folder) / FILE
        try:
            with safe_open(path, framework="pt") as file:
                head = json.loads(file.metadata()["directions"])
                if (version := head["schema_version"]) > SCHEMA_VERSION:
                    raise DecomposeError(
                        f"{path} has schema {version}, newer than {SCHEMA_VERSION}: update Tapeout"
                    )
                shapes = {name: tuple(shape) for name, shape in head["shapes"].items()}
                factors = {
                    name: tuple(
                        file.get_tensor(f"{name}.{mode}") for mode in range(len(modes_of(shape)))
                    )
                    for name, shape in shapes.items()
                }
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise DecomposeError(f"{path} holds no directions, or damaged ones: {error}") from error
        return cls(factors=factors, shapes=shapes)

    def _mapped(self, change) -> Directions:
        factors = {name: tuple(map(change, modes)) for name, modes in self.factors.items()}
        return Directions(factors=factors, shapes=self.shapes)


def ranks_of(shapes: Shapes, ranks: Ranks) -> dict[str, int]:
    """The rank of every tensor.

    Raises:
        DecomposeError: a rank is not above 0, higher than its tensor allows, or of no known
            tensor; or there are no tensors.
    """
    if not shapes:
        raise DecomposeError("directions need at least one parameter tensor; none is named")
    if not isinstance(ranks, int):
        for name in ranks:
            if name not in shapes:
                raise DecomposeError(
                    f"no parameter {name!r} to give a rank: {nearest(name, shapes)}"
                )
    found: dict[str, int] = {}
    for name, shape in shapes.items():
        vector = len(modes_of(shape)) == 1
        rank = (1 if vector else ranks) if isinstance(ranks, int) else ranks.get(name, 1)
        highest = highest_rank(shape)
        if not 1 <= rank <= highest:
            raise DecomposeError(
                f"rank {rank} does not fit {name!r} of shape {list(shape)}: it takes 1 to {highest}"
            )
        found[name] = rank
    return found


def prod_of(tensors) -> Tensor:
    """The product of one or more tensors, element by element."""
    first, *rest = tensors
    return prod(rest, start=first)


def _positive(values: Tensor) -> Tensor:
    return values.clamp(min=torch.finfo(values.dtype).tiny)
