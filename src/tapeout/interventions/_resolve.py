"""From the names of replacements to the replacements."""

from collections.abc import Mapping

from torch import Tensor

from ..circuits import Circuit, EdgeCircuit, Universe
from ..errors import InterventionError, nearest
from ..models import Model
from ..tasks import Split
from ._replacements import (
    Counterfactual,
    Mean,
    Positions,
    Replacement,
    Resample,
    Where,
    Zero,
)

NAMES = ("zero", "mean", "counterfactual", "resample")
"""Replacements that a name is enough for."""


def replacement_of(
    name: str | Replacement,
    means: Mapping[Where, Tensor] | None = None,
    reference: str = "",
    positions: Positions = "all_but_first",
) -> Replacement:
    """The replacement that a name stands for; one that is given passes through.

    Args:
        name: `zero`, `mean`, `counterfactual` or `resample`.
        means: what `mean` stands for.
        reference: the name of the set that the means were taken over.
        positions: where a named replacement applies.

    Raises:
        InterventionError: no such name, or `mean` without means.
    """
    if not isinstance(name, str):
        return name
    if name == "mean":
        if not means:
            raise InterventionError(
                "mean replacement needs means: take them over a reference set with "
                "interventions.means_over(model, task.reference, universe)"
            )
        return Mean(values=means, reference=reference, positions=positions)
    by_name = {"zero": Zero, "counterfactual": Counterfactual, "resample": Resample}
    if name not in by_name:
        raise InterventionError(f"unknown replacement {name!r}: {nearest(name, NAMES)}")
    return by_name[name](positions=positions)


def circuit_replacement(circuit: Circuit | EdgeCircuit, name: str | Replacement) -> Replacement:
    """As `replacement_of`, with the means and positions that the circuit carries."""
    if isinstance(circuit, EdgeCircuit):
        return replacement_of(name)
    own = circuit.origin.get("replacement", {})
    reference = str(own.get("reference") or "the circuit's own means")
    return replacement_of(name, circuit.means, reference, own.get("positions", "all_but_first"))


def means_over(
    model: Model, split: Split, universe: str | Universe, *, batch_size: int = 64
) -> Mean:
    """Means of a universe's sites over a split, as a rule `task.reference`.

    Over prompts and right answers, first positions and padding left out.
    """
    nodes = Universe.of(model.shape, universe)
    batches = (batch.tokens for batch in split.batches(batch_size))
    return Mean.over(model, batches, nodes.places, reference=f"{split.name} (n={len(split)})")
