"""Every method of Tapeout that scores nodes or edges, by name."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

import tapeout.find as find
from tapeout.circuits import EdgeUniverse
from tapeout.find.masks import (
    HardConcrete,
    Heaviside,
    Linear,
    MaskConfig,
    Penalty,
    learn_edges,
    learn_mask,
)
from tapeout.interventions import Mean, edges_of
from tapeout.models import Model
from tapeout.tasks import Split

Methods = Mapping[str, Callable[[], Tensor]]
"""Name -> what computes a score for every node, or for every edge."""

THRESHOLDS = (1e-3, 1e-2, 1e-1)
"""Of ACDC, in nats; it gives circuits, so an edge's score is how many of them keep it."""

OPEN = HardConcrete(first=(3.0, 4.0))
"""Starts less noisy than by default, which made learned edges better on the seeds tuned on."""

LEARNED = MaskConfig(
    gate=OPEN, size=Penalty(weight=5.0), steps=300, batch_size=32, learning_rate=0.1
)
"""Tuned, as are those below, on seeds 100 and 101; the benchmark reports others."""

HEAVISIDE = replace(
    LEARNED,
    gate=Heaviside(first=0.4, spread=0.1),
    replacement="mean",
    objective="task",
    learning_rate=3e-3,
)
"""Of the weights tried none served both kinds of model: the larger closes nearly everything in the
hand-set one, the smaller next to nothing in the trained ones. So two are in the table."""

MASKS = {
    "hard concrete, KL": LEARNED,
    "hard concrete, task": replace(LEARNED, objective="task"),
    "linear, KL": replace(
        LEARNED, gate=Linear(first=1.0), size=Penalty(weight=0.5), learning_rate=0.02
    ),
    "Heaviside, weight 0.02": replace(HEAVISIDE, size=Penalty(weight=0.02)),
    "Heaviside, weight 1": replace(HEAVISIDE, size=Penalty(weight=1.0)),
    # Desiderata-based component masking: looks for nodes to double, not for nodes to keep.
    "linear, doubled, logit difference": replace(
        LEARNED,
        gate=Linear(),
        replacement="scale",
        objective="logit_difference",
        size=Penalty(weight=1.0),
        learning_rate=0.02,
    ),
}
EDGES = replace(LEARNED, size=Penalty(weight=20.0))


def node_methods(model: Model, split: Split, spec: str, means: Mean) -> Methods:
    """Methods that score nodes; `split` is what they may look at."""

    def by_gradient(**options: Any) -> Callable[[], Tensor]:
        return lambda: find.attribution(model, split, spec, means=means, **options).values

    def by_mask(config: MaskConfig) -> Callable[[], Tensor]:
        return lambda: learn_mask(model, split, spec, means=means, config=config).scores.values

    paths = {
        f"integrated gradients, {path}, {baseline}": by_gradient(integrate=path, baseline=baseline)
        for path in ("inputs", "activations")
        for baseline in ("mean", "counterfactual")
    }
    masks = {f"mask: {name}": by_mask(config) for name, config in MASKS.items()}
    return {
        "random": lambda: find.random(model, spec).values,
        "frequency": lambda: find.frequency(model, split, spec).values,
        "gradient x activation": by_gradient(baseline="zero"),
        "attribution patching, mean": by_gradient(baseline="mean"),
        "attribution patching, counterfactual": by_gradient(baseline="counterfactual"),
        **paths,
        **masks,
    }


def edge_methods(model: Model, split: Split) -> Methods:
    """Methods that score edges, by what each would change whichever way."""

    def by_gradient(**options: Any) -> Callable[[], Tensor]:
        return lambda: find.edge_attribution(model, split, **options).values.abs()

    def acdc() -> Tensor:
        kept = [find.acdc(model, split, threshold).kept for threshold in THRESHOLDS]
        return torch.stack(kept).float().sum(dim=0)

    return {
        "random": lambda: _random(edges_of(model)),
        "EAP": by_gradient(),
        "EAP-IG, inputs": by_gradient(integrate="inputs"),
        "clean-corrupted": by_gradient(integrate="ends"),
        "ACDC": acdc,
        "learned edges": lambda: learn_edges(model, split, config=EDGES).scores.values,
    }


def _random(universe: EdgeUniverse) -> Tensor:
    return torch.rand(universe.size, generator=torch.Generator().manual_seed(0))
