"""Circuits to compare a circuit with."""

import torch

from ..circuits import Circuit


def random_like(circuit: Circuit, seed: int) -> Circuit:
    """A random circuit with as many nodes in every layer, site and granularity."""
    generator = torch.Generator().manual_seed(seed)
    kept = torch.zeros_like(circuit.kept)
    for group in circuit.universe.groups:
        count = int(circuit.kept[group.nodes].sum())
        order = torch.randperm(group.count, generator=generator)
        kept[group.start + order[:count]] = True
    return Circuit(circuit.universe, kept, circuit.fingerprint, means=circuit.means)
