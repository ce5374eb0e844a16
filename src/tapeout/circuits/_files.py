"""The file format of circuits and scores: one JSON file for people, one safetensors file."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import CircuitError
from ..models import Fingerprint, Site
from ._circuit import Circuit
from ._scores import Scores
from ._universe import Universe

SCHEMA_VERSION = 1


def save_circuit(circuit: Circuit, folder: Path) -> None:
    config = _common(circuit) | {
        "size": circuit.size,
        "share": circuit.share,
        "by_part": {
            part: {"kept": kept, "total": total}
            for part, (kept, total) in circuit.by_part().items()
        },
    }
    tensors = {"kept": circuit.kept}
    tensors |= {f"mean.{layer}.{site}": value for (layer, site), value in circuit.means.items()}
    write_folder(folder, "circuit", config, tensors)


def load_circuit(folder: Path) -> Circuit:
    config, tensors = read_folder(folder, "circuit")
    means: dict[tuple[int, Site], Tensor] = {}
    for name, value in tensors.items():
        if name.startswith("mean."):
            layer, _, site = name.removeprefix("mean.").partition(".")
            means[int(layer), site] = value  # pyright: ignore[reportArgumentType]
    return Circuit(**_restored(folder, config), kept=tensors["kept"], means=means)


def save_scores(scores: Scores, folder: Path) -> None:
    write_folder(folder, "scores", _common(scores), {"values": scores.values})


def load_scores(folder: Path) -> Scores:
    config, tensors = read_folder(folder, "scores")
    return Scores(**_restored(folder, config), values=tensors["values"])


def _common(thing: Circuit | Scores) -> dict[str, Any]:
    mark = thing.fingerprint
    return {
        "schema_version": SCHEMA_VERSION,
        "universe": thing.universe.to_dict(),
        "model": {"name": mark.name, "weights": mark.weights} if mark else None,
        "origin": dict(thing.origin),
    }


def _restored(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    try:
        mark = config["model"]
        return {
            "universe": Universe.from_dict(config["universe"]),
            "fingerprint": Fingerprint(mark["name"], mark["weights"]) if mark else None,
            "origin": config["origin"],
        }
    except (KeyError, TypeError) as error:
        raise CircuitError(f"{folder}: the config lacks {error}") from error


def write_folder(
    folder: Path, kind: str, config: dict[str, Any], tensors: dict[str, Tensor]
) -> None:
    """Both files appear whole or not at all; the config is last, so it vouches for the tensors."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f".{kind}.safetensors.partial"
        save_file(tensors, partial)
        os.replace(partial, folder / f"{kind}.safetensors")
        partial = folder / f".{kind}_config.json.partial"
        partial.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        os.replace(partial, folder / f"{kind}_config.json")
    except (OSError, SafetensorError) as error:
        raise CircuitError(f"cannot write the {kind} to {folder}: {error}") from error


def read_folder(folder: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What `write_folder` wrote.

    Raises:
        CircuitError: there is nothing, it is damaged, or of a newer schema.
    """
    path = folder / f"{kind}_config.json"
    if not path.is_file():
        raise CircuitError(f"there is no {kind} in {folder}: it has no {path.name}")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        tensors = load_file(folder / f"{kind}.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise CircuitError(f"the {kind} in {folder} is damaged: {error}") from error
    version = config.get("schema_version")
    if version != SCHEMA_VERSION:
        raise CircuitError(
            f"the {kind} in {folder} has schema version {version}; this Tapeout reads "
            f"{SCHEMA_VERSION}: update Tapeout"
        )
    needed = ("kept", torch.bool) if kind.endswith("circuit") else ("values", torch.float32)
    if needed[0] not in tensors or tensors[needed[0]].dtype != needed[1]:
        raise CircuitError(f"the {kind} in {folder} is damaged: no {needed[1]} named {needed[0]}")
    return config, tensors
