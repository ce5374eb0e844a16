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
from ._paper_edges import paper_edges
from ._scores import Scores
from ._summary import Count, LayerSummary, Summary, summarise
from ._universe import LAYER, Group, Universe

__all__ = [
    "LAYER",
    "Circuit",
    "Count",
    "EdgeCircuit",
    "EdgeScores",
    "EdgeUniverse",
    "Group",
    "LayerSize",
    "LayerSummary",
    "Reader",
    "Scores",
    "Summary",
    "Universe",
    "as_edges",
    "load_edge_circuit",
    "load_edge_scores",
    "paper_edges",
    "read_eap_json",
    "save_edges",
    "summarise",
    "write_eap_json",
]
