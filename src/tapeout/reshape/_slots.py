"""Updates that are confined to the weights of chosen heads and MLP channels."""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from ..circuits import Circuit
from ..errors import ReshapeError
from ..models import Family, Model, Site, in_features, layers_of, out_features, qkv_rows

QKV: tuple[Site, ...] = ("attn.q", "attn.k", "attn.v")
"""Query, key and value sites."""

Z: Site = "attn.z"
"""The site of heads' results."""

MLP: Site = "mlp.post_act"
"""The site that slots are channels of."""

PROJECTIONS = ("gate", "up", "down")
"""The projections that touch an MLP channel; without a gate, the second and the third."""


@dataclass(frozen=True)
class Slot:
    """Which part of one projection may change.

    Attributes:
        side: `out` if its outputs are channels (query, key, value, gate, up), `in` if its inputs
            are (down).
        open: the channels, shape [out] or [in] of the projection.
    """

    side: str
    open: Bool[Tensor, " width"]


@dataclass(frozen=True, eq=False)
class Lines:
    """Where the channels of one site lie in one projection.

    Attributes:
        module: the projection's name.
        side: `out` if they are among its outputs, `in` if among its inputs.
        places: the number of every channel of the site there.
    """

    module: str
    side: str
    places: Int[Tensor, " width"]


def lines_of(
    model: Model, layer: int, site: Site, projections: Collection[str] = PROJECTIONS
) -> list[Lines]:
    """The rows and columns of projections that a site's channels are.

    Args:
        model: any model.
        layer: of the site, which must be there.
        site: `attn.q`, `attn.k`, `attn.v`, `attn.z` or `mlp.post_act`.
        projections: for MLP channels, which of the projections that touch them.

    Raises:
        ReshapeError: channels were cut out behind the projection, so it has others beside them.
    """
    family, block = model.anatomy.family, layers_of(model.hf, model.anatomy.family)[layer]
    width, at = model.shape.width(layer, site), f"{family.layers}.{layer}"
    if site == Z:
        return [Lines(f"{at}.{family.out}", "in", torch.arange(width))]
    if site in QKV:
        taps = [model.tap(layer, own) for own in QKV]
        found = [qkv_rows(block, family, taps)[QKV.index(site)]]
    else:
        found = _gate_up(block, family, projections)
    for path, places in found:
        if len(places) != width:
            raise ReshapeError(
                f"{at}.{path} has {len(places)} channels, and {site} only {width} of them: take "
                "the model before it was cut"
            )
    lines = [Lines(f"{at}.{path}", "out", places) for path, places in found]
    if site == MLP and "down" in projections:
        lines.append(Lines(f"{at}.{family.down}", "in", torch.arange(width)))
    return lines


def _gate_up(
    block: nn.Module, family: Family, projections: Collection[str]
) -> list[tuple[str, Tensor]]:
    found: list[tuple[str, Tensor]] = []
    for path in family.gate_up:
        outputs = torch.arange(out_features(block.get_submodule(path)))
        found += [(path, rows) for rows in outputs.chunk(family.gate_up_parts)]
    names = PROJECTIONS[:2][-len(found) :]
    return [part for name, part in zip(names, found, strict=True) if name in projections]


def slots_of(
    model: Model, circuit: Circuit, projections: Collection[str] = PROJECTIONS
) -> dict[str, Slot]:
    """Module name -> its slot, for every projection that touches a channel of the circuit.

    An MLP channel's weights are its rows of the gate and up projections and its column of the
    down projection (paper 1, experiment 10); those of a query, key or value head are its rows.

    Args:
        model: whose projections.
        circuit: nodes of queries, keys, values and MLP channels, of some of these or all.
        projections: for MLP channels, which of the projections that touch them.

    Raises:
        ReshapeError: the circuit has other nodes, or none; or no projection is left.
        CircuitError: it does not fit the model.
    """
    circuit.check(model, transfer=True)  # it may have been found after another training
    if {site for _, site in circuit.universe.places} - {*QKV, MLP}:
        raise ReshapeError(
            "slots are heads and MLP channels: give a circuit of attn.q, attn.k, attn.v and "
            f"{MLP} alone, not of {circuit.universe.spec}"
        )
    if not circuit.size:
        raise ReshapeError("the circuit is empty: there would be no weight to train")
    slots: dict[str, Slot] = {}
    for (layer, site), kept in circuit.universe.expand(circuit.kept).items():
        kept = kept.bool()
        if not bool(kept.any()):
            continue
        for lines in lines_of(model, layer, site, projections):
            module = model.hf.get_submodule(lines.module)
            width = (out_features if lines.side == "out" else in_features)(module)
            slot = slots.setdefault(lines.module, Slot(lines.side, torch.zeros(width).bool()))
            slot.open[lines.places[kept]] = True
    if not slots:
        raise ReshapeError(f"no projection of the circuit is among {', '.join(projections)}")
    return slots
