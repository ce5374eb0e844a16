"""What a circuit leaves of every layer's heads and channels."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from ..models import Site
from ._circuit import Circuit
from ._edge_circuit import EdgeCircuit


@dataclass(frozen=True, eq=False)
class LayerUnits:
    """What is left of one layer: True for what can still act.

    The hierarchy holds both ways: what lies in a dropped head or block is gone, and so is a head
    or block of which nothing is left inside. What the circuit's universe does not name is there
    as a whole.

    Attributes:
        heads: query heads; shape [heads].
        head_channels: channels of the heads' results; shape [heads * head_dim].
        hidden: MLP channels; shape [d_mlp].
        outputs: channels that the MLP writes; shape [d_model], empty in a layer without one.
    """

    heads: Bool[Tensor, " heads"]
    head_channels: Bool[Tensor, " z"]
    hidden: Bool[Tensor, " d_mlp"]
    outputs: Bool[Tensor, " d_out"]

    @property
    def attention(self) -> bool:
        """Whether anything is left of the attention block."""
        return bool(self.heads.any())

    @property
    def mlp(self) -> bool:
        """Whether anything is left of the MLP block."""
        return bool(self.outputs.any())


@dataclass(frozen=True, eq=False)
class Units:
    """What a circuit leaves of its model.

    Attributes:
        layers: layer by layer.
        embedding: channels at the start of the residual stream; shape [d_model].
    """

    layers: tuple[LayerUnits, ...]
    embedding: Bool[Tensor, " d_model"]

    @classmethod
    def of(cls, circuit: Circuit) -> "Units":
        """The units of a circuit."""
        shape, gates = circuit.universe.shape, circuit.universe.expand(circuit.kept)
        places = range(shape.n_layers)
        return cls(
            tuple(_layer(circuit, gates, layer) for layer in places),
            _gate(circuit, gates, 0, "embed"),
        )

    @classmethod
    def of_edges(cls, circuit: EdgeCircuit) -> "Units":
        """The units of a circuit of edges: those that write along an active one, as a whole."""
        shape, universe = circuit.universe.shape, circuit.universe
        writes = universe.table(circuit.active).any(dim=1).tolist()
        used = dict(zip(universe.writers, writes, strict=True))

        def wide(name: str, width: int) -> Tensor:
            return torch.full((width,), used.get(name, False))

        layers = []
        for layer in range(shape.n_layers):
            heads = [used[f"a{layer}.h{head}"] for head in range(shape.heads(layer))]
            kept = torch.tensor(heads, dtype=torch.bool)
            widths = (shape.width(layer, site) for site in ("mlp.post_act", "mlp.resid_delta"))
            mlp = [wide(f"m{layer}", width) for width in widths]
            layers.append(LayerUnits(kept, kept.repeat_interleave(shape.head_dim), *mlp))
        return cls(tuple(layers), wide("input", shape.width(0, "embed")))


def _layer(circuit: Circuit, gates: Mapping[tuple[int, Site], Tensor], layer: int) -> LayerUnits:
    channels = _gate(circuit, gates, layer, "attn.z")
    channels &= _gate(circuit, gates, layer, "attn.resid_delta").any()
    hidden = _gate(circuit, gates, layer, "mlp.post_act")
    outputs = _gate(circuit, gates, layer, "mlp.resid_delta")
    there = hidden.any() & outputs.any()
    heads = channels.unflatten(0, (-1, circuit.universe.shape.head_dim)).any(dim=1)
    return LayerUnits(heads, channels, hidden & there, outputs & there)


def _gate(
    circuit: Circuit, gates: Mapping[tuple[int, Site], Tensor], layer: int, site: Site
) -> Bool[Tensor, " width"]:
    """A site's gate; open where the universe does not name it."""
    gate = gates.get((layer, site))
    if gate is not None:
        return gate.clone()
    return torch.ones(circuit.universe.shape.width(layer, site), dtype=torch.bool)
