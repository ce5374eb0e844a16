"""Circuits: which nodes and edges there are, how they score, which are kept."""

from ._circuit import Circuit, LayerSize
from ._edge_circuit import EdgeCircuit, EdgeScores
from ._edge_universe import EdgeUniverse, Reader
from ._scores import Scores
from ._universe import Group, Universe

__all__ = [
    "Circuit",
    "EdgeCircuit",
    "EdgeScores",
    "EdgeUniverse",
    "Group",
    "LayerSize",
    "Reader",
    "Scores",
    "Universe",
]
