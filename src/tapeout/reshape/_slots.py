"""Updates that are confined to the weights of chosen MLP channels."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from ..circuits import Circuit
from ..errors import ReshapeError
from ..models import Model

SITE = "mlp.post_act"


@dataclass(frozen=True)
class Slot:
    """Which part of one projection may change.

    Attributes:
        side: `out` if its outputs are channels (gate, up), `in` if its inputs are (down).
        open: the channels, shape [out] or [in] of the projection.
    """

    side: str
    open: Bool[Tensor, " width"]


def slots_of(model: Model, circuit: Circuit) -> dict[str, Slot]:
    """Module name -> its slot, for every projection that touches a channel of the circuit.

    A channel's weights are its rows of the gate and up projections and its column of the down
    projection (paper 1, experiment 10).

    Raises:
        ReshapeError: the circuit is not of MLP channels alone, or is empty.
        CircuitError: it does not fit the model.
    """
    circuit.check(model, transfer=True)  # it may have been found after another training
    if {site for _, site in circuit.universe.places} != {SITE}:
        raise ReshapeError(f"slots are MLP channels: give a circuit of {SITE} alone")
    if not circuit.size:
        raise ReshapeError("the circuit is empty: there would be no weight to train")
    family = model.anatomy.family
    slots: dict[str, Slot] = {}
    for (layer, _), kept in circuit.universe.expand(circuit.kept).items():
        kept = kept.bool()
        if not bool(kept.any()):
            continue
        at = f"{family.layers}.{layer}"
        for path in family.gate_up:
            rows = torch.cat([kept] * family.gate_up_parts)
            slots[f"{at}.{path}"] = Slot("out", rows)
        slots[f"{at}.{family.down}"] = Slot("in", kept)
    return slots
