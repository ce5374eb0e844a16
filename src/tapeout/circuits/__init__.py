"""Circuits: which nodes and edges there are, how they score, which are kept."""

from ._as_edges import as_edges
from ._circuit import Circuit, LayerSize
from ._edge_circuit import EdgeCircuit, EdgeScores
from ._edge_files import (
    load_edge_circuit,
    load_edge_scores,
    read_eap_json,
    save_edges,
    write_eap_json,
)
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
    "as_edges",
    "load_edge_circuit",
    "load_edge_scores",
    "read_eap_json",
    "save_edges",
    "write_eap_json",
]
