"""A circuit of nodes as one of edges, to count both alike."""

import torch
from torch import Tensor

from ._circuit import Circuit
from ._edge_circuit import EdgeCircuit
from ._edge_universe import EdgeUniverse


def as_edges(circuit: Circuit, universe: EdgeUniverse) -> EdgeCircuit:
    """All edges between what a circuit of nodes leaves of heads, MLPs, embedding and logits.

    A head or MLP is there if any of its channels is; what the circuit's universe does not name is
    there as a whole. Patching these edges is not the same as patching the nodes, which may be
    finer; it is how a circuit of nodes is counted beside circuits of edges.

    Raises:
        CircuitError: the family has no edges of heads.
    """
    gates = circuit.universe.expand(circuit.kept)
    writers = torch.tensor([_there(circuit, gates, name) for name in universe.writers])
    readers = []
    for reader in universe.readers:
        if reader.kind == "logits":
            readers.append(True)
        elif reader.kind == "mlp":
            readers.append(_there(circuit, gates, f"m{reader.layer}"))
        else:
            heads = circuit.universe.shape.heads(reader.layer)
            group = heads // reader.count
            kept = [_there(circuit, gates, f"a{reader.layer}.h{head}") for head in range(heads)]
            readers += [any(kept[i * group : (i + 1) * group]) for i in range(reader.count)]
    table = writers[:, None] & torch.tensor(readers)[None]
    return EdgeCircuit(universe, universe.of_table(table), circuit.fingerprint, circuit.origin)


def _there(circuit: Circuit, gates: dict[tuple[int, str], Tensor], writer: str) -> bool:
    """Whether anything is left of a writer: of all sites that its write goes through."""
    if writer == "input":
        gate = gates.get((0, "embed"))
        return gate is None or bool(gate.any())
    kind, _, head = writer.partition(".h")
    layer = int(kind[1:])
    if not head:
        ways = [gates.get((layer, site)) for site in ("mlp.post_act", "mlp.resid_delta")]
        return all(bool(gate.any()) for gate in ways if gate is not None)
    dim = circuit.universe.shape.head_dim
    own, block = gates.get((layer, "attn.z")), gates.get((layer, "attn.resid_delta"))
    if block is not None and not bool(block.any()):
        return False
    return own is None or bool(own[int(head) * dim : (int(head) + 1) * dim].any())
