"""What a mask is over: nodes or edges of a model, and how gates on them are run."""

from collections.abc import Mapping
from typing import Any

from jaxtyping import Float, Shaped
from torch import Tensor

from ...circuits import EdgeScores, EdgeUniverse, Scores, Universe
from ...interventions import (
    Mean,
    Partners,
    Pasts,
    Replacement,
    Resample,
    Scale,
    Wiring,
    replacement_of,
    restrict,
    restrict_edges,
    writes,
)
from ...models import Model
from ...tasks import Batch, Partner, Split
from ._config import MaskConfig

KEPT = 2**28
"""Bytes of partner runs, or of pasts, that training keeps: it is to cost little more memory than
one batch."""


class Nodes:
    """Gates on nodes, under any replacement.

    Args:
        pasts: what stands before the last position, for gates that act there alone.
    """

    def __init__(
        self,
        model: Model,
        universe: Universe,
        replacement: Replacement,
        pasts: Pasts | None = None,
    ) -> None:
        self.model, self.universe, self.replacement = model, universe, replacement
        self.pasts = pasts
        self.size = universe.size
        self.partners = Partners.of(model, universe, replacement, budget=KEPT)
        self.parts: dict[str, list[slice]] = {}
        for group in universe.groups:
            part = f"{group.site}:{group.granularity}"
            self.parts.setdefault(part, []).append(group.nodes)

    def batches(self, split: Split, size: int) -> list[Batch]:
        """Batches with the partners that the replacement needs."""
        partner: Partner | None = None
        if self.partners is not None:
            partner = "resample" if isinstance(self.replacement, Resample) else "counterfactual"
        return list(split.batches(size, partner=partner))

    def logits(
        self, batch: Batch, gates: Shaped[Tensor, " nodes"]
    ) -> Float[Tensor, "rows length vocab"]:
        """Logits at the answer, differentiable by the gates."""
        fill, after = self.replacement, None
        if self.partners is not None:
            partner = self.partners.run(batch)
            fill, after = partner.replacement, partner.prefix
        elif self.pasts is not None and batch.answer_length == 1:
            after = self.pasts.of(batch.tokens)
        with restrict(self.model, self.universe.expand(gates), fill):
            return self.model.logits(batch.tokens, keep=batch.answer_length, after=after)

    def scores(self, values: Tensor, origin: Mapping[str, Any]) -> Scores:
        return Scores(self.universe, values, self.model.fingerprint, origin)


class Edges:
    """Gates on edges, under counterfactuals: Edge Pruning (Bhaskar et al. 2024)."""

    def __init__(self, model: Model, universe: EdgeUniverse) -> None:
        self.model, self.universe = model, universe
        self.size = universe.size
        self.wiring = Wiring(model, universe)
        self.parts = {"edges": [slice(0, universe.size)]}

    def batches(self, split: Split, size: int) -> list[Batch]:
        """Batches with their counterfactuals."""
        return list(split.batches(size, partner="counterfactual"))

    def logits(
        self, batch: Batch, gates: Float[Tensor, " edges"]
    ) -> Float[Tensor, "rows length vocab"]:
        """Logits at the answer, differentiable by the gates."""
        assert batch.partners is not None
        after = self.model.read(batch.tokens, batch.shared)
        other = writes(self.wiring, batch.partners, after=after)
        with restrict_edges(self.wiring, gates, other):
            return self.model.logits(batch.tokens, keep=batch.answer_length, after=after)

    def scores(self, values: Tensor, origin: Mapping[str, Any]) -> EdgeScores:
        return EdgeScores(self.universe, values, self.model.fingerprint, origin)


Subject = Nodes | Edges


def nodes_of(
    model: Model,
    universe: str | Universe,
    config: MaskConfig,
    means: Mean | None,
    pasts: Pasts | None = None,
) -> Nodes:
    """Gates on nodes under the replacement of a config.

    Raises:
        CircuitError: the universe does not exist in this model.
        InterventionError: mean replacement without means.
    """
    nodes = Universe.of(model.shape, universe)
    fill: Replacement
    if config.replacement == "scale":
        fill = Scale(factor=config.factor, positions=config.positions)
    elif config.replacement == "mean" and means is not None:
        fill = means
    else:
        fill = replacement_of(config.replacement, positions=config.positions)
    if fill.positions != "last":
        return Nodes(model, nodes, fill)
    return Nodes(model, nodes, fill, pasts or Pasts(model, budget=KEPT))
