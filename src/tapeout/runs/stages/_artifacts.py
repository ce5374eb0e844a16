"""What stages hand on: which kinds have it, and how it is opened where kinds differ."""

from pathlib import Path

from ...circuits import (
    Circuit,
    EdgeCircuit,
    EdgeScores,
    Scores,
    load_edge_circuit,
    load_edge_scores,
)

MODELS = ("load", "base", "condition")
"""Kinds of stage whose artifact is a model."""

TASKS = ("task", "interface")
"""Kinds of stage whose artifact is a task."""

CIRCUITS = ("select", "circuit", "squeeze", "compose")
"""Kinds of stage whose artifact is a circuit."""

SCORED = ("find", "mask", "sweep", "edges")
"""Kinds of stage whose artifact is scores."""


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
