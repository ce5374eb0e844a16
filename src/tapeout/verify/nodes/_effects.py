"""What is lost without the circuit, and without each of its nodes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from ...circuits import Circuit
from ...interventions import Mean, Replacement
from ...models import Model
from ...tasks import Split
from .._controls import random_like
from .._intervals import Average
from .._losses import LossObjective, bounded_loss
from ._measure import Measure, fill_of, mean_of

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class InversePruning:
    """The loss with and without a circuit (figure 32).

    Attributes:
        full: of the full model.
        circuit: of the circuit alone.
        without: of the model whose circuit alone is replaced.
        random: likewise, of random circuits with as many nodes in every layer and site.
        objective, split, n, replacement, reference: how it was measured.
    """

    full: Average
    circuit: Average
    without: Average
    random: tuple[Average, ...]
    objective: str
    split: str
    n: int
    replacement: str
    reference: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        losses = {name: getattr(self, name).to_dict() for name in ("full", "circuit", "without")}
        names = ("objective", "split", "n", "replacement", "reference")
        about = {name: getattr(self, name) for name in names}
        return about | losses | {"random": [loss.to_dict() for loss in self.random]}


def inverse_pruning(
    model: Model,
    circuit: Circuit,
    split: Split,
    replacement: str | Replacement = "mean",
    *,
    objective: LossObjective = "candidates",
    random_seeds: int = 3,
    batch_size: int = 64,
) -> InversePruning:
    """Take the circuit out of the model, and leave all else.

    `recovery` reports the accuracy that is left then (necessity); this is the loss.

    Args:
        model: the model; it is not changed.
        circuit: what is taken out.
        split: the examples, as a rule `task.test`.
        replacement: `zero`, `mean`, or a replacement that needs no partners.
        objective: see `smallest_at_loss`.
        random_seeds: how many random circuits are taken out to compare with.
        batch_size: examples per forward.

    Raises:
        CircuitError: the circuit does not fit the model.
        InterventionError: the replacement needs partners, or means that are not there.
        TaskError: the examples lack what the objective needs.

    Source: weight-sparse transformers, section 3.1 and figure 32.
    """
    circuit.check(model)
    fill = fill_of(circuit, replacement)
    loss = bounded_loss(model, objective)
    measure = Measure(model=model, split=split, loss=loss, batch_size=batch_size)

    def alone(kept: Circuit) -> Average:
        return mean_of(measure.of(kept.universe.expand(kept.kept), fill))

    controls = [random_like(circuit, seed) for seed in range(random_seeds)]
    return InversePruning(
        full=mean_of(measure.of()),
        circuit=alone(circuit),
        without=alone(~circuit),
        random=tuple(alone(~control) for control in controls if isinstance(control, Circuit)),
        objective=objective,
        split=split.name,
        n=len(split),
        replacement=fill.name,
        reference=fill.reference if isinstance(fill, Mean) else "",
    )


@dataclass(frozen=True, kw_only=True)
class NodeEffect:
    """What one node is worth: the rise of the loss when it alone is replaced.

    Attributes:
        node: its name.
        in_circuit: while all that is outside the circuit is replaced too.
        in_model: while everything else is there.
    """

    node: str
    in_circuit: Average
    in_model: Average

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        both = {name: getattr(self, name).to_dict() for name in ("in_circuit", "in_model")}
        return {"node": self.node, **both}


def node_effects(
    model: Model,
    circuit: Circuit,
    split: Split,
    replacement: str | Replacement = "mean",
    *,
    objective: LossObjective = "candidates",
    batch_size: int = 64,
    progress: Progress | None = None,
) -> list[NodeEffect]:
    """Replace every node of a circuit by itself; the largest effect on the circuit comes first.

    Args and errors: as `inverse_pruning`; `progress` is called with nodes done and all nodes.

    Source: weight-sparse transformers, the released viewer's node ablations; the paper removes by
    hand what has next to no effect (section 3.2).
    """
    circuit.check(model)
    fill, universe = fill_of(circuit, replacement), circuit.universe
    loss = bounded_loss(model, objective)
    measure = Measure(model=model, split=split, loss=loss, batch_size=batch_size)
    whole = torch.ones_like(circuit.kept)
    alone, full = (measure.of(universe.expand(kept), fill) for kept in (circuit.kept, whole))
    nodes, found = circuit.active.nonzero()[:, 0].tolist(), []
    for done, node in enumerate(nodes):
        rises = []
        for kept, before in ((circuit.kept, alone), (whole, full)):
            less = kept.clone()
            less[node] = False
            rises.append(mean_of(measure.of(universe.expand(less), fill) - before))
        found.append(NodeEffect(node=universe.name(node), in_circuit=rises[0], in_model=rises[1]))
        if progress is not None:
            progress(done + 1, len(nodes))
    return sorted(found, key=lambda effect: -effect.in_circuit.value)
