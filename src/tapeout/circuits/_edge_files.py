"""Edges on disk, as folders of Tapeout's own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
