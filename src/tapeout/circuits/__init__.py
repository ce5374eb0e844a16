"""Circuits: which nodes and edges there are, how they score, which are kept."""

from ._as_edges import as_edges
from ._circuit import Circuit, LayerSize
from ._eap_files import read_eap_graph, read_eap_json, write_eap_graph, write_eap_json
from ._eap_graph import EapGraph
from ._edge_circuit import EdgeCircuit, EdgeScores
from ._edge_files import (
    load_edge_circuit,
    load_edge_scores,
    save_edges,
)
from ._edge_universe import EdgeUniverse, Reader
from ._mib import MIB_LIMITS, mib_circuits, read_mib_circuits, write_mib_circuits
from ._paper_edges import paper_edges
from ._scores import Scores
from ._summary import Count, LayerSummary, Summary, summarise
from ._universe import LAYER, Group, Universe
from ._weight_edges import SIZES, SPARSE_NODES, Biases, Connection, WeightEdges, weight_edges

__all__ = [
    "LAYER",
    "MIB_LIMITS",
    "SIZES",
    "SPARSE_NODES",
    "Biases",
    "Circuit",
    "Connection",
    "Count",
    "EapGraph",
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
    "WeightEdges",
    "as_edges",
    "load_edge_circuit",
    "load_edge_scores",
    "mib_circuits",
    "paper_edges",
    "read_eap_graph",
    "read_eap_json",
    "read_mib_circuits",
    "save_edges",
    "summarise",
    "weight_edges",
    "write_eap_graph",
    "write_eap_json",
    "write_mib_circuits",
]
