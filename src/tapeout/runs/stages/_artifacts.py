"""What stages hand on: which kinds have it, and how it is opened where kinds differ."""

import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

from ...circuits import (
    Circuit,
    EdgeCircuit,
    EdgeScores,
    Scores,
    load_edge_circuit,
    load_edge_scores,
)
from ...models import Model
from .._store import write_json

MODELS = ("load", "base", "reasoner", "train", "condition", "bridge", "amplify", "tune", "span")
"""Kinds of stage whose artifact is a model."""

TASKS = ("task", "interface")
"""Kinds of stage whose artifact is a task."""

CIRCUITS = ("select", "circuit", "squeeze", "compose", "localise", "random")
"""Kinds of stage whose artifact is a circuit."""

NODE_SCORES = ("find", "mask", "sweep", "energy")
"""Kinds of stage whose artifact is scores of nodes."""

SCORED = (*NODE_SCORES, "edges")
"""Kinds of stage whose artifact is scores."""

GRADIENTS = ("gradients", "contrast")
"""Kinds of stage whose artifact is gradients of a model on the splits of a task."""


def open_scores(folder: Path) -> Scores | EdgeScores:
    """The scores in a folder.

    Raises:
        CircuitError: there are none, they are damaged, or of a newer schema.
    """
    if (folder / "edge_scores_config.json").is_file():
        return load_edge_scores(folder)
    return Scores.load(folder)


def open_circuit(folder: Path) -> Circuit | EdgeCircuit:
    """The circuit in a folder.

    Raises:
        CircuitError: there is none, it is damaged, or of a newer schema.
    """
    if (folder / "edge_circuit_config.json").is_file():
        return load_edge_circuit(folder)
    return Circuit.load(folder)


def once(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A part of a result, from an earlier, killed attempt if it got that far."""
    if not path.is_file():
        found = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, found)
    return json.loads(path.read_text(encoding="utf-8"))


def model_facts(model: Model, source: str) -> dict[str, Any]:
    """What every stage that hands on a model reports of it."""
    return {
        "source": source,
        "family": model.shape.family,
        "layers": model.shape.n_layers,
        "parameters": sum(p.numel() for p in model.hf.parameters()),
        "weights": model.fingerprint.weights,
    }


def thinned(curve: list[dict[str, float]], most: int = 100) -> list[dict[str, float]]:
    """At most so many points, each the mean over its stretch of steps and named by the last.

    What was not measured at every step is the mean over those at which it was.
    """
    length, found = -(-len(curve) // most), []
    for start in range(0, len(curve), length):
        part = curve[start : start + length]
        values: dict[str, list[float]] = {}
        for entry in part:
            for name, value in entry.items():
                values.setdefault(name, []).append(value)
        point = {"step": float(start + len(part))}
        found.append(point | {name: fmean(some) for name, some in values.items()})
    return found
