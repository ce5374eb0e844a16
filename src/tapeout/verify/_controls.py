"""Circuits to compare a circuit with."""

import torch
from torch import Tensor

from ..circuits import Circuit, EdgeCircuit


def random_like(circuit: Circuit | EdgeCircuit, seed: int) -> Circuit | EdgeCircuit:
    """A random circuit with as many nodes in every layer, site and granularity.

    Of a circuit of edges: with as many edges into every layer's queries, keys, values, MLP, and
    into the logits.
    """
    generator = torch.Generator().manual_seed(seed)
    kept = torch.zeros_like(circuit.kept)
    for nodes in _groups(circuit):
        count = int(circuit.kept[nodes].sum())
        order = torch.randperm(len(nodes), generator=generator)
        kept[nodes[order[:count]]] = True
    if isinstance(circuit, EdgeCircuit):
        return EdgeCircuit(circuit.universe, kept, circuit.fingerprint)
    return Circuit(circuit.universe, kept, circuit.fingerprint, means=circuit.means)


def _groups(circuit: Circuit | EdgeCircuit) -> list[Tensor]:
    """The nodes, or edges, among which a control is drawn."""
    if isinstance(circuit, Circuit):
        return [torch.arange(g.start, g.start + g.count) for g in circuit.universe.groups]
    readers = circuit.universe.places[:, 1]
    found: list[Tensor] = []
    for reader in circuit.universe.readers:
        span = reader.numbers
        found.append(((readers >= span.start) & (readers < span.stop)).nonzero()[:, 0])
    return found
