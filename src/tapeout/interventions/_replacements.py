"""What a node outside the circuit is given."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InterventionError
from ..models import Model, Site, Tap, Tokens, Watch, attached, first_positions

Where = tuple[int, Site]
"""A layer and a site."""

Positions = Literal["all_but_first", "all", "last"]
"""At which positions a replacement applies.

`all_but_first` is the default everywhere: language models park massive activations at the first
position, and replacing them measures nothing but that.
"""


@dataclass(frozen=True, kw_only=True)
class Zero:
    """Nodes outside the circuit are 0."""

    name: ClassVar[str] = "zero"
    paired: ClassVar[bool] = False
    positions: Positions | Tensor = "all_but_first"

    def mix(self, where: Where, x: Tensor, gate: Tensor) -> Tensor:
        return x * gate


@dataclass(frozen=True, kw_only=True)
class Mean:
    """Nodes outside the circuit have their mean over a reference set.

    Attributes:
        values: (layer, site) -> mean of every channel, shape [width].
        reference: the name of the set; it goes into every result.
    """

    name: ClassVar[str] = "mean"
    paired: ClassVar[bool] = False
    values: Mapping[Where, Float[Tensor, " width"]] = field(repr=False)
    reference: str
    positions: Positions | Tensor = "all_but_first"

    def mix(self, where: Where, x: Tensor, gate: Tensor) -> Tensor:
        return _blend(gate, x, self.at(where).to(x))

    def at(self, where: Where) -> Float[Tensor, " width"]:
        """The means of one site.

        Raises:
            InterventionError: they were never taken.
        """
        if where not in self.values:
            layer, site = where
            raise InterventionError(f"no mean was taken of {site} in layer {layer}")
        return self.values[where]

    @classmethod
    def over(
        cls,
        model: Model,
        batches: Iterable[Tokens],
        where: Iterable[Where],
        *,
        reference: str,
        positions: Literal["all_but_first", "all"] = "all_but_first",
    ) -> "Mean":
        """Means of the given sites over all tokens but padding (and, by default, first ones).

        Streams: memory does not grow with the number of batches.

        Raises:
            InterventionError: there was no token to take a mean over.
        """
        sums: dict[Where, Tensor] = {}
        count = 0
        counted = torch.empty(0)

        def watch_at(key: Where, tap: Tap) -> Watch:
            def watch(whole: Tensor) -> None:
                total = tap.select(whole)[counted].sum(dim=0, dtype=torch.float64)
                sums[key] = sums[key] + total if key in sums else total

            return watch

        watches = [(model.tap(*key), watch_at(key, model.tap(*key))) for key in where]
        with torch.no_grad(), model.frozen(), attached(watches):
            for tokens in batches:
                tokens = tokens.to(model.device)
                counted = tokens.full_mask.bool()
                if positions == "all_but_first":
                    counted &= ~first_positions(tokens.ids, tokens.mask, None, 0)
                count += int(counted.sum())
                model.logits(tokens, keep=1)
        if not count:
            raise InterventionError(f"the reference {reference!r} has no token to take a mean over")
        values = {key: (total / count).float().cpu() for key, total in sums.items()}
        return cls(values=values, reference=reference, positions=positions)


@dataclass(frozen=True, kw_only=True)
class Counterfactual:
    """Nodes outside the circuit have the activation of a matched example, run in lockstep.

    A batch holds the clean rows first, then their partners in the same order and of the same
    lengths; both go through the model layer by layer together.
    """

    name: ClassVar[str] = "counterfactual"
    paired: ClassVar[bool] = True
    positions: Positions | Tensor = "all_but_first"

    def mix(self, where: Where, x: Tensor, gate: Tensor) -> Tensor:
        clean, partner = x.chunk(2)
        return _blend(gate, clean, partner)


@dataclass(frozen=True, kw_only=True)
class Resample(Counterfactual):
    """As `Counterfactual`, but the partner is another example drawn at random."""

    name: ClassVar[str] = "resample"


@dataclass(frozen=True, kw_only=True, eq=False)
class Recorded:
    """Nodes outside the circuit have what `record` found at the same rows and positions.

    Attributes:
        values: (layer, site) -> activations, shape [rows, pos, width].
    """

    name: ClassVar[str] = "recorded"
    paired: ClassVar[bool] = False
    values: Mapping[Where, Float[Tensor, "rows pos width"]] = field(repr=False)
    positions: Positions | Tensor = "all_but_first"

    def mix(self, where: Where, x: Tensor, gate: Tensor) -> Tensor:
        return _blend(gate, x, self.values[where])


@dataclass(frozen=True, kw_only=True, eq=False)
class Projection:
    """Nodes outside the circuit have what a subspace holds of their site, around its mean.

    Attributes:
        means: (layer, site) -> mean of every channel, shape [width].
        bases: (layer, site) -> orthonormal directions as columns, shape [width, rank].
        reference: what both were found on; it goes into every result.
    """

    name: ClassVar[str] = "projection"
    paired: ClassVar[bool] = False
    means: Mapping[Where, Float[Tensor, " width"]] = field(repr=False)
    bases: Mapping[Where, Float[Tensor, "width rank"]] = field(repr=False)
    reference: str
    positions: Positions | Tensor = "all_but_first"

    def mix(self, where: Where, x: Tensor, gate: Tensor) -> Tensor:
        if where not in self.bases:
            layer, site = where
            raise InterventionError(f"no directions were found of {site} in layer {layer}")
        mean, basis = self.means[where].to(x), self.bases[where].to(x)
        return _blend(gate, x, mean + (x - mean) @ basis @ basis.T)

    def first(self, rank: int) -> "Projection":
        """The same with the first directions only; 0 leaves the mean."""
        bases = {where: basis[:, :rank] for where, basis in self.bases.items()}
        return replace(self, bases=bases)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Nodes of the circuit are multiplied by a factor; all others stay as they are.

    This is how Constructive Circuit Amplification reads a mask (eq. 1: a factor of 2).
    """

    name: ClassVar[str] = "scale"
    paired: ClassVar[bool] = False
    factor: float
    positions: Positions | Tensor = "all_but_first"

    def mix(self, where: Where, x: Tensor, gate: Tensor) -> Tensor:
        return x * (1 + (self.factor - 1) * gate.to(x.dtype))


def _blend(gate: Tensor, x: Tensor, other: Tensor) -> Tensor:
    """gate * x + (1 - gate) * other; a boolean gate keeps `x` to the last bit."""
    if gate.dtype == torch.bool:
        return torch.where(gate, x, other)
    return other + gate * (x - other)


Replacement = Zero | Mean | Counterfactual | Resample | Recorded | Projection | Scale
"""What nodes outside a circuit are given."""
