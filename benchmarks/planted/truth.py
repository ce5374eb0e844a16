"""What nodes and edges really do: each is replaced alone, and every prompt run again."""

import torch
from jaxtyping import Float
from torch import Tensor

from tapeout.circuits import Universe
from tapeout.interventions import (
    Counterfactual,
    Gates,
    Mean,
    Replacement,
    Wiring,
    Zero,
    edges_of,
    restrict,
    restrict_edges,
    writes,
)
from tapeout.models import Model
from tapeout.tasks import LOG_LIKELIHOOD, Batch, Split

NEEDED, IDLE = 0.1, 0.02
"""In nats: a mean change of the answer's log probability from which a node (or edge) is needed, and
up to which it is idle."""


def node_effects(
    model: Model, split: Split, universe: Universe, means: Mean
) -> Float[Tensor, "nodes replacements"]:
    """By how much the right answer's log probability changes with one node replaced.

    The mean of the absolute change over all examples; by zero, by the mean, by the counterfactual.
    """
    kept = torch.ones(universe.size, dtype=torch.bool)
    rows = []
    with torch.no_grad(), model.frozen():
        (batch,) = split.batches(len(split), partner="counterfactual")
        full = _likelihood(model, batch)
        for node in range(universe.size):
            kept[node] = False
            gates = universe.expand(kept)
            rows.append(
                torch.stack(
                    [
                        (_likelihood(model, batch, gates, fill) - full).abs().mean()
                        for fill in (Zero(), means, Counterfactual())
                    ]
                )
            )
            kept[node] = True
    return torch.stack(rows)


def edge_effects(model: Model, split: Split) -> Float[Tensor, " edges"]:
    """The same with one edge patched from the counterfactual."""
    universe = edges_of(model)
    wiring = Wiring(model, universe)
    kept = torch.ones(universe.size, dtype=torch.bool)
    effects = torch.zeros(universe.size)
    with torch.no_grad(), model.frozen():
        (batch,) = split.batches(len(split), partner="counterfactual")
        assert batch.partners is not None
        full, other = _likelihood(model, batch), writes(wiring, batch.partners)
        for edge in range(universe.size):
            kept[edge] = False
            with restrict_edges(wiring, kept, other):
                effects[edge] = (_likelihood(model, batch) - full).abs().mean()
            kept[edge] = True
    return effects


def _likelihood(
    model: Model, batch: Batch, gates: Gates | None = None, fill: Replacement | None = None
) -> Float[Tensor, " rows"]:
    if gates is None or fill is None:
        return LOG_LIKELIHOOD.of(model.logits(batch.tokens, keep=1), batch)
    tokens = batch.lockstep if fill.paired else batch.tokens
    with restrict(model, gates, fill):
        logits = model.logits(tokens, keep=1)[: len(batch)]
    return LOG_LIKELIHOOD.of(logits, batch)
