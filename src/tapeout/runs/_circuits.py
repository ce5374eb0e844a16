"""The circuits that lie in a folder: a circuit's own, or a run's with its proofs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..circuits import Circuit, EdgeCircuit, load_edge_circuit
from ..errors import RunError

OF_NODES, OF_EDGES = "circuit_config.json", "edge_circuit_config.json"


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What a `verify` stage reports of a circuit.

    Attributes:
        name: the stage's.
        circuit: the name of its circuit, among those of the run.
        metrics: as in `results.json`.
    """

    name: str
    circuit: str
    metrics: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Found:
    """The circuits in a folder, by the names of their stages, and what is proved of them."""

    circuits: dict[str, Circuit | EdgeCircuit]
    proofs: list[Proof] = field(default_factory=list)


def circuits_in(place: str | Path) -> Found:
    """Read the circuits of a folder: its own, or if it is a run's, those of its stages.

    Raises:
        RunError: there is none, or the run's results are damaged.
        CircuitError: a circuit is damaged, or of a newer schema.
    """
    place = Path(place)
    if own := _circuit(place):
        return Found(circuits={place.resolve().name: own})
    try:
        results = json.loads((place / "results.json").read_text(encoding="utf-8"))
        stages = {str(name): dict(stage) for name, stage in results["stages"].items()}
    except FileNotFoundError as error:
        raise RunError(
            f"{place} is neither a circuit ({OF_NODES}) nor a run (results.json)"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{place / 'results.json'} is damaged: {error}") from error
    found = {name: _circuit(place / "stages" / name) for name in stages}
    circuits = {name: circuit for name, circuit in found.items() if circuit is not None}
    if not circuits:
        raise RunError(f"no stage of the run {place} has found a circuit yet")
    return Found(circuits=circuits, proofs=_proofs(stages, circuits))


def _proofs(
    stages: Mapping[str, Mapping[str, Any]], circuits: Mapping[str, Circuit | EdgeCircuit]
) -> list[Proof]:
    proofs = []
    for name, stage in stages.items():
        if stage.get("kind") == "verify":
            circuit = str((stage.get("inputs") or {}).get("circuit"))
            if circuit in circuits:
                proofs.append(Proof(name=name, circuit=circuit, metrics=stage["metrics"]))
    return proofs


def _circuit(folder: Path) -> Circuit | EdgeCircuit | None:
    if (folder / OF_NODES).is_file():
        return Circuit.load(folder)
    return load_edge_circuit(folder) if (folder / OF_EDGES).is_file() else None
