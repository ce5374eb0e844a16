"""Automatic circuit discovery (ACDC): patch one edge after the other, keep what matters."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..circuits import EdgeCircuit
from ..interventions import Wiring, edges_of, restrict_edges, writes
from ..models import Model
from ..tasks import Split

Progress = Callable[[int, int], None]


def acdc(
    model: Model,
    split: Split,
    threshold: float,
    *,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> EdgeCircuit:
    """Drop every edge whose patching raises KL by less than a threshold (Conmy et al. 2023).

    Readers are visited from the logits back, a reader's edges from the latest writer back; each
    costs one run of the split, so this is for small models and few examples.

    Args:
        model: the model; it is not changed.
        split: the examples; each needs a counterfactual.
        threshold: in nats, of the mean KL from the full model's next-token distribution.
        batch_size: examples per forward.
        progress: called with the edges done and all of them.

    Raises:
        TaskError: an example lacks a counterfactual.
        CircuitError: the family has no edges of heads.
    """
    universe = edges_of(model)
    wiring = Wiring(model, universe)
    kept = torch.ones(universe.size, dtype=torch.bool)
    with torch.no_grad(), model.frozen():
        prepared = []
        for batch in split.batches(batch_size, partner="counterfactual"):
            assert batch.partners is not None
            after = model.read(batch.tokens, batch.shared)
            full = model.logits(batch.tokens, keep=batch.answer_length, after=after)
            other = writes(wiring, batch.partners, after=after)
            prepared.append((batch, after, other, full.float().log_softmax(-1)))

        def divergence(edges: Tensor) -> float:
            total = 0.0
            for batch, after, other, full in prepared:
                with restrict_edges(wiring, edges, other):
                    logits = model.logits(batch.tokens, keep=batch.answer_length, after=after)
                own = logits.float().log_softmax(-1)
                total += float((full.exp() * (full - own)).sum())
            return total / len(split)

        now, order = 0.0, range(universe.size - 1, -1, -1)
        for done, edge in enumerate(order, start=1):
            kept[edge] = False
            without = divergence(kept)
            if without - now < threshold:
                now = without
            else:
                kept[edge] = True
            if progress is not None:
                progress(done, universe.size)
    origin = {
        "method": "acdc",
        "config": {"threshold": threshold},
        "split": split.name,
        "n": len(split),
        "kl": now,
    }
    return EdgeCircuit(universe, kept, model.fingerprint, origin)
