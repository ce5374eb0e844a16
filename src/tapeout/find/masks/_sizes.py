"""What makes a mask small: a loss on how open its gates are.

`multipliers` are what a size control learns beside the gates, by ascent and at `rate`; most learn
nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from ...circuits import LAYER
from ...errors import CircuitError, nearest
from ...models import GRANULARITIES, SITES

Parts = Mapping[str, list[slice]]
"""Part, such as `attn.z:head`, -> the nodes of it."""

PARTS = {f"{site}:{unit}" for site in (*SITES, LAYER) for unit in GRANULARITIES}


def part_means(sizes: Tensor, parts: Parts) -> dict[str, Float[Tensor, ""]]:
    """The mean openness of each part, whatever its number of nodes."""
    return {
        part: torch.cat([sizes[nodes] for nodes in slices]).mean() for part, slices in parts.items()
    }


def _part_sums(sizes: Tensor, parts: Parts) -> dict[str, Float[Tensor, ""]]:
    return {
        part: torch.stack([sizes[nodes].sum() for nodes in slices]).sum()
        for part, slices in parts.items()
    }


@dataclass(frozen=True, kw_only=True)
class Penalty:
    """A weighted sum of every part's mean openness, as node pruning has it (paper 5, eq. 7).

    Attributes:
        weight: of all parts.
        sums: take every part's sum instead of its mean, so that all nodes weigh alike whatever
            their part (paper 2, eq. 2).
        weights: part, such as `attn.z:head`, -> by what to multiply its weight; parts that are
            not in play do not matter.
        ramp: steps over which the weights grow from 0, linearly.
    """

    name: ClassVar[str] = "penalty"
    weight: float = 1.0
    weights: Mapping[str, float] = field(default_factory=dict)
    ramp: int = 0
    sums: bool = False

    @property
    def rate(self) -> float:
        return 0.0

    def check(self, parts: Parts) -> None:
        """Refuse weights of parts that no universe has.

        Raises:
            CircuitError: there is one.
        """
        for part in self.weights:
            if part not in parts and part not in PARTS:
                raise CircuitError(f"no universe has a part {part!r}: {nearest(part, parts)}")

    def multipliers(self) -> Float[Tensor, " any"]:
        return torch.zeros(0)

    def loss(
        self, sizes: Tensor, parts: Parts, step: int, multipliers: Tensor
    ) -> Float[Tensor, ""]:
        pooled = _part_sums(sizes, parts) if self.sums else part_means(sizes, parts)
        weighted = [self.weights.get(part, 1.0) * value for part, value in pooled.items()]
        return self.weight * torch.stack(weighted).sum() * min((step + 1) / max(self.ramp, 1), 1.0)


@dataclass(frozen=True, kw_only=True)
class Target:
    """A Lagrangian that pulls the share of open gates to a target (Edge Pruning, CoFi).

    Attributes:
        share: of the universe, in the end.
        ramp: steps over which the target falls from 1.
        rate: learning rate of the multipliers.
    """

    name: ClassVar[str] = "target"
    share: float
    ramp: int = 0
    rate: float = 0.8

    def check(self, parts: Parts) -> None:
        """Refuse a share that is none.

        Raises:
            CircuitError: it is not between 0 and 1.
        """
        if not 0 <= self.share <= 1:
            raise CircuitError(f"the target share {self.share} is not between 0 and 1")

    def multipliers(self) -> Float[Tensor, " any"]:
        return torch.zeros(2)

    def loss(
        self, sizes: Tensor, parts: Parts, step: int, multipliers: Tensor
    ) -> Float[Tensor, ""]:
        part = min((step + 1) / max(self.ramp, 1), 1.0)
        over = sizes.mean() - (1 - part * (1 - self.share))
        return multipliers[0] * over + multipliers[1] * over.square()


SizeControl = Penalty | Target
"""How a mask is made small: by a penalty, or towards a target."""
