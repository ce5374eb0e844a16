"""Scores without gradients: how often a node fires, and chance."""

from functools import partial

import torch
from torch import Tensor

from ..circuits import Group, Scores, Universe
from ..errors import CircuitError
from ..interventions import Where
from ..models import Model, Tap, Watch, attached, first_positions
from ..tasks import Split


def frequency(
    model: Model,
    split: Split,
    universe: str | Universe = "mlp.post_act",
    *,
    threshold: float = 1.0,
    batch_size: int = 64,
) -> Scores:
    """Share of positions at which each node fires (first positions and padding left out).

    A node fires where the root mean square of its channels is above `threshold` times that of
    its whole site at the same position.

    Raises:
        CircuitError: the universe has nodes of whole layers, which lie at two sites.
    """
    nodes = Universe.of(model.shape, universe)
    groups: dict[Where, list[Group]] = {}
    for group in nodes.groups:
        if len(group.places) > 1:
            raise CircuitError("a layer does not fire as one: leave `layer` out of the universe")
        groups.setdefault((group.layer, group.site), []).append(group)
    counts: dict[Group, Tensor] = {}
    total, counted = 0, torch.empty(0)

    def watch(key: Where, tap: Tap, whole: Tensor) -> None:
        power = tap.select(whole)[counted].float().square()
        limit = threshold**2 * power.mean(dim=-1, keepdim=True)
        for group in groups[key]:
            fired = power.unflatten(-1, (group.count, group.unit)).mean(dim=-1) > limit
            counts[group] = counts.get(group, torch.zeros(group.count)) + fired.sum(dim=0).cpu()

    taps = {key: model.tap(*key) for key in groups}
    watches: list[tuple[Tap, Watch]] = [(t, partial(watch, key, t)) for key, t in taps.items()]
    with torch.no_grad(), model.frozen(), attached(watches):
        for batch in split.batches(batch_size):
            tokens = batch.tokens.to(model.device)
            first = first_positions(tokens.ids, tokens.mask, None, 0)
            counted = tokens.full_mask.bool() & ~first
            total += int(counted.sum())
            model.logits(tokens, keep=1)
    values = torch.cat([counts[group] for group in nodes.groups]) / max(total, 1)
    origin = {
        "method": "frequency",
        "config": {"threshold": threshold},
        "split": split.name,
        "n": len(split),
    }
    return Scores(nodes, values, model.fingerprint, origin)


def random(model: Model, universe: str | Universe = "mlp.post_act", *, seed: int = 0) -> Scores:
    """Scores drawn uniformly from 0 to 1: what any method has to beat."""
    nodes = Universe.of(model.shape, universe)
    values = torch.rand(nodes.size, generator=torch.Generator().manual_seed(seed))
    return Scores(nodes, values, model.fingerprint, {"method": "random", "config": {"seed": seed}})
