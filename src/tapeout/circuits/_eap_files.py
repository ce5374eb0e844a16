"""Reading and writing EAP-IG's graphs, as JSON and as `.pt`."""

import json
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from ..errors import CircuitError
from ._eap_graph import EapGraph, EapLayout
from ._edge_circuit import EdgeCircuit, EdgeScores
from ._edge_universe import EdgeUniverse

DAMAGE = (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RuntimeError)


def write_eap_graph(graph: EapGraph, path: str | Path) -> None:
    """Write the file that EAP-IG's `Graph.from_json` or `Graph.from_pt` reads, by the path's end.

    Raises:
        CircuitError: the path ends otherwise, the file cannot be written, or the model is one that
            such a file cannot hold.
    """
    path, layout = Path(path), EapLayout(graph.universe)
    try:
        if path.suffix == ".pt":
            torch.save(_as_tensors(graph, layout), path)
        elif path.suffix == ".json":
            path.write_text(json.dumps(_as_json(graph, layout)), encoding="utf-8")
        else:
            raise CircuitError(f"{path}: EAP-IG's graphs end in .json or .pt")
    except (OSError, RuntimeError) as error:
        raise CircuitError(f"cannot write {path}: {error}") from error


def read_eap_graph(path: str | Path, universe: EdgeUniverse) -> EapGraph:
    """Read one of EAP-IG's graphs; no code in it is run.

    Raises:
        CircuitError: there is no such file, it is damaged, or it is of another model.
    """
    path, layout = Path(path), EapLayout(universe)
    try:
        if path.suffix == ".pt":
            found = torch.load(path, weights_only=True, map_location="cpu")
        else:
            found = json.loads(path.read_text(encoding="utf-8"))
        config, own = found["cfg"], layout.config
        known = {name: config.get(name, own[name]) for name in own}
    except (*DAMAGE, EOFError, UnpicklingError) as error:
        raise CircuitError(f"{path} is not an EAP-IG graph: {error}") from error
    if known != own:
        raise CircuitError(f"{path} is of another model: it says {known}, the model is {own}")
    try:
        return (_of_tensors if path.suffix == ".pt" else _of_json)(found, layout)
    except DAMAGE as error:
        raise CircuitError(f"{path} is damaged: {error!r}") from error


def write_eap_json(scores: EdgeScores, circuit: EdgeCircuit, path: str | Path) -> None:
    """Write scores and active edges as EAP-IG's JSON; see `write_eap_graph`.

    Raises:
        CircuitError: the file cannot be written, or the two are of different models.
    """
    write_eap_graph(EapGraph.of(circuit, scores), path)


def read_eap_json(path: str | Path, universe: EdgeUniverse) -> tuple[EdgeScores, EdgeCircuit]:
    """Read scores and circuit of edges from one of EAP-IG's graphs; see `read_eap_graph`.

    Raises:
        CircuitError: there is no such file, it is damaged, of another model, or has no scores.
    """
    graph, origin = read_eap_graph(path, universe), {"method": "EAP-IG file"}
    origin["file"] = Path(path).name
    return graph.scores(**origin), graph.circuit(**origin)


def _as_json(graph: EapGraph, layout: EapLayout) -> dict[str, Any]:
    nodes: dict[str, dict[str, Any]] = {}
    for place, name in enumerate(graph.universe.writers):
        node = nodes[name] = {"in_graph": bool(graph.nodes[place])}
        if graph.node_scores is not None:
            node["score"] = float(graph.node_scores[place])
        rows = _rows(name, place, layout)
        if graph.neurons is not None:
            node["neurons"] = graph.neurons[rows].tolist()
        if graph.neuron_scores is not None:
            node["neurons_scores"] = graph.neuron_scores[rows].tolist()
    nodes["logits"] = {"in_graph": True}
    members = layout.members(graph.edges).tolist()
    scores = None if graph.edge_scores is None else layout.shared_out(graph.edge_scores).tolist()
    edges: dict[str, dict[str, Any]] = {}
    for writer, reader in layout.real.nonzero().tolist():
        edge = {"score": scores[writer][reader]} if scores is not None else {}
        name = f"{graph.universe.writers[writer]}->{layout.names[reader]}"
        edges[name] = edge | {"in_graph": members[writer][reader]}
    return {"cfg": layout.config, "nodes": nodes, "edges": edges}


def _rows(name: str, place: int, layout: EapLayout) -> int | slice:
    """The rows of a node's neurons: EAP-IG writes and reads the heads of a layer together."""
    if not name.startswith("a"):
        return place
    first = place - int(name.partition(".h")[2])
    return slice(first, first + layout.config["n_heads"])


def _of_json(found: Mapping[str, Any], layout: EapLayout) -> EapGraph:
    universe = layout.universe
    names = {
        f"{universe.writers[writer]}->{layout.names[reader]}": (writer, reader)
        for writer, reader in layout.real.nonzero().tolist()
    }
    if odd := sorted(set(names) ^ set(found["edges"])):
        raise ValueError(f"edge {odd[0]!r} is in the file or in the model only")
    members = torch.zeros_like(layout.real)
    scores = torch.zeros(layout.real.shape, dtype=torch.float64)
    for name, (writer, reader) in names.items():
        edge = found["edges"][name]
        members[writer, reader] = bool(edge["in_graph"])
        scores[writer, reader] = float(edge.get("score") or 0.0)
    nodes = [found["nodes"][name] for name in universe.writers]
    scored = any("score" in edge for edge in found["edges"].values())
    return EapGraph(
        universe=universe,
        edges=layout.gathered(members),
        edge_scores=layout.gathered(scores) if scored else None,
        nodes=torch.tensor([bool(node["in_graph"]) for node in nodes]),
        node_scores=_node_values(nodes, "score", layout, width=None),
        neurons=_bool(_node_values(nodes, "neurons", layout, layout.config["d_model"])),
        neuron_scores=_node_values(nodes, "neurons_scores", layout, layout.config["d_model"]),
    )


def _node_values(
    nodes: list[Mapping[str, Any]], key: str, layout: EapLayout, width: int | None
) -> Tensor | None:
    """A value, or `width` values, of every node; NaN where a node has none, None if none has."""
    if not any(key in node for node in nodes):
        return None
    shape = (len(nodes),) if width is None else (len(nodes), width)
    values = torch.full(shape, torch.nan)
    for place, (name, node) in enumerate(zip(layout.universe.writers, nodes, strict=True)):
        if key in node:
            own = torch.tensor(node[key], dtype=torch.float32)
            if own.dim() == 2:
                own = own[int(name.partition(".h")[2] or 0)]
            if own.shape != shape[1:]:
                raise ValueError(f"{key} of {name} has shape {tuple(own.shape)}")
            values[place] = own
    return values


def _bool(values: Tensor | None) -> Tensor | None:
    """Membership; what is not said to be out stays in."""
    return None if values is None else values != 0


def _as_tensors(graph: EapGraph, layout: EapLayout) -> dict[str, Any]:
    scores = graph.edge_scores
    values: dict[str, Any] = {
        "cfg": layout.config,
        "src_nodes": list(graph.universe.writers),
        "dst_nodes": layout.names,
        "edges_in_graph": layout.members(graph.edges),
        "nodes_in_graph": graph.nodes,
        "edges_scores": None if scores is None else layout.shared_out(scores),
        "nodes_scores": graph.node_scores,
        "neurons_in_graph": graph.neurons,
        "neurons_scores": graph.neuron_scores,
    }
    return {name: value for name, value in values.items() if value is not None}


def _of_tensors(found: Mapping[str, Any], layout: EapLayout) -> EapGraph:
    universe, n = layout.universe, len(layout.universe.writers)
    if list(found["src_nodes"]) != list(universe.writers):
        raise ValueError("src_nodes are not those of the model")
    if list(found["dst_nodes"]) != layout.names:
        raise ValueError("dst_nodes are not those of the model")
    shapes = {
        "edges_in_graph": tuple(layout.real.shape),
        "edges_scores": tuple(layout.real.shape),
        "nodes_in_graph": (n,),
        "nodes_scores": (n,),
        "neurons_in_graph": (n, layout.config["d_model"]),
        "neurons_scores": (n, layout.config["d_model"]),
    }
    for name, shape in shapes.items():
        if name in found and tuple(found[name].shape) != shape:
            raise ValueError(f"{name} has shape {tuple(found[name].shape)}, not {shape}")
    scores = found.get("edges_scores")
    optional = {name: found.get(name) for name in ("nodes_scores", "neurons_scores")}
    floats = {name: None if value is None else value.float() for name, value in optional.items()}
    return EapGraph(
        universe=universe,
        edges=layout.gathered(found["edges_in_graph"].bool()),
        edge_scores=None if scores is None else layout.gathered(scores),
        nodes=found["nodes_in_graph"].bool(),
        node_scores=floats["nodes_scores"],
        neurons=_bool(found.get("neurons_in_graph")),
        neuron_scores=floats["neurons_scores"],
    )
