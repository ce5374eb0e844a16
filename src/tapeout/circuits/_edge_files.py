"""Edges on disk: Tapeout's own folders, and the JSON of EAP-IG and MIB."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import CircuitError
from ..models import Fingerprint
from ._edge_circuit import EdgeCircuit, EdgeScores
from ._edge_universe import EdgeUniverse
from ._files import SCHEMA_VERSION, read_folder, write_folder


def save_edges(thing: EdgeCircuit | EdgeScores, folder: str | Path) -> None:
    """Write a circuit or scores of edges as a folder.

    Raises:
        CircuitError: the folder cannot be written.
    """
    mark = thing.fingerprint
    config = {
        "schema_version": SCHEMA_VERSION,
        "universe": thing.universe.to_dict(),
        "model": {"name": mark.name, "weights": mark.weights} if mark else None,
        "origin": dict(thing.origin),
    }
    if isinstance(thing, EdgeCircuit):
        config |= {"size": thing.size, "share": thing.share, "heads": thing.heads}
        write_folder(Path(folder), "edge_circuit", config, {"kept": thing.kept})
    else:
        write_folder(Path(folder), "edge_scores", config, {"values": thing.values})


def load_edge_circuit(folder: str | Path) -> EdgeCircuit:
    """Read a circuit that `save_edges` wrote.

    Raises:
        CircuitError: there is none, it is damaged, or of a newer schema.
    """
    config, tensors = read_folder(Path(folder), "edge_circuit")
    return EdgeCircuit(**_restored(Path(folder), config), kept=tensors["kept"])


def load_edge_scores(folder: str | Path) -> EdgeScores:
    """Read scores that `save_edges` wrote.

    Raises:
        CircuitError: there are none, they are damaged, or of a newer schema.
    """
    config, tensors = read_folder(Path(folder), "edge_scores")
    return EdgeScores(**_restored(Path(folder), config), values=tensors["values"])


def _restored(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    try:
        mark = config["model"]
        return {
            "universe": EdgeUniverse.from_dict(config["universe"]),
            "fingerprint": Fingerprint(mark["name"], mark["weights"]) if mark else None,
            "origin": config["origin"],
        }
    except (KeyError, TypeError) as error:
        raise CircuitError(f"{folder}: the config lacks {error}") from error


def write_eap_json(scores: EdgeScores, circuit: EdgeCircuit, path: str | Path) -> None:
    """Write the JSON file that EAP-IG's `Graph.from_json` and MIB read.

    There every query head has key and value readers of its own; under grouped-query attention
    each of a group gets an equal part of the score.

    Raises:
        CircuitError: the file cannot be written, or the two are of different models.
    """
    universe = scores.universe
    if circuit.universe != universe:
        raise CircuitError("scores and circuit are of different models' edges")
    active, edges = circuit.active.tolist(), {}
    for name, edge, parts in _spread(universe):
        edges[name] = {"score": float(scores.values[edge]) / parts, "in_graph": active[edge]}
    used = {end for name, entry in edges.items() if entry["in_graph"] for end in _ends(name)}
    nodes = [*universe.writers, "logits"]
    shape = universe.shape
    graph = {
        "cfg": {
            "n_layers": shape.n_layers,
            "n_heads": shape.heads(0),
            "parallel_attn_mlp": universe.parallel,
            "d_model": shape.width(0, "embed"),
        },
        "nodes": {node: {"in_graph": node in used} for node in nodes},
        "edges": edges,
    }
    try:
        Path(path).write_text(json.dumps(graph), encoding="utf-8")
    except OSError as error:
        raise CircuitError(f"cannot write {path}: {error}") from error


def read_eap_json(path: str | Path, universe: EdgeUniverse) -> tuple[EdgeScores, EdgeCircuit]:
    """Read scores and circuit from EAP-IG's JSON; readers of one key/value head are added up.

    Raises:
        CircuitError: there is no such file, it is damaged, or it is of another model.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))["edges"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CircuitError(f"{path} is not an EAP-IG graph: {error}") from error
    values = torch.zeros(universe.size)
    kept = torch.zeros(universe.size, dtype=torch.bool)
    expected = list(_spread(universe))
    names = {name for name, _, _ in expected}
    odd = sorted(names ^ set(found))
    if odd:
        raise CircuitError(
            f"{path} is of another model: it has {len(found):,} edges, the model {len(names):,} "
            f"(for example {odd[0]!r} is in one only)"
        )
    for name, edge, _ in expected:
        try:
            values[edge] += float(found[name]["score"] or 0.0)
            kept[edge] |= bool(found[name]["in_graph"])
        except (KeyError, TypeError, ValueError) as error:
            raise CircuitError(f"{path}: edge {name!r} is damaged: {error}") from error
    origin = {"method": "EAP-IG file", "file": Path(path).name}
    scores = EdgeScores(universe, values, origin=origin)
    return scores, EdgeCircuit(universe, kept, origin=origin)


def _spread(universe: EdgeUniverse) -> list[tuple[str, int, int]]:
    """EAP-IG's name of every edge of its own, our edge, and how many of its edges ours is."""
    shape, rows = universe.shape, []
    places: Tensor = universe.places
    for edge, (writer, reader) in enumerate(places.tolist()):
        start, name = universe.writers[writer], universe.reader_names[reader]
        if not name.endswith(("<k>", "<v>")):
            rows.append((f"{start}->{name}", edge, 1))
            continue
        layer, head = (int(part) for part in name[1:-3].split(".h"))
        group = shape.heads(layer) // shape.heads(layer, "attn.k")
        rows += [
            (f"{start}->a{layer}.h{own}{name[-3:]}", edge, group)
            for own in range(head * group, (head + 1) * group)
        ]
    return rows


def _ends(name: str) -> tuple[str, str]:
    writer, _, reader = name.partition("->")
    return writer, reader.partition("<")[0]
