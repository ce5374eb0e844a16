"""A circuit of nodes as one of edges, to count both alike."""

import torch

from ._circuit import Circuit
from ._edge_circuit import EdgeCircuit
from ._edge_universe import EdgeUniverse
from ._units import Units


def as_edges(circuit: Circuit, universe: EdgeUniverse) -> EdgeCircuit:
    """All edges between what a circuit of nodes leaves of heads, MLPs, embedding and logits.

    A head or MLP is there if any of its channels is; what the circuit's universe does not name is
    there as a whole. Patching these edges is not the same as patching the nodes, which may be
    finer; it is how a circuit of nodes is counted beside circuits of edges.

    Raises:
        CircuitError: the family has no edges of heads.
    """
    units = Units.of(circuit)
    there = {"input": bool(units.embedding.any())}
    for layer, left in enumerate(units.layers):
        there[f"m{layer}"] = left.mlp
        there |= {f"a{layer}.h{head}": kept for head, kept in enumerate(left.heads.tolist())}
    readers: list[bool] = []
    for reader in universe.readers:
        if reader.kind == "logits":
            readers.append(True)
        elif reader.kind == "mlp":
            readers.append(there[f"m{reader.layer}"])
        else:  # a key or value head is read if any query head of its group is
            readers += units.layers[reader.layer].heads.view(reader.count, -1).any(dim=1).tolist()
    writers = torch.tensor([there[name] for name in universe.writers])
    table = writers[:, None] & torch.tensor(readers)[None]
    return EdgeCircuit(universe, universe.of_table(table), circuit.fingerprint, circuit.origin)
