"""Stages that count the weights of circuits, and average their sizes over tasks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from ...circuits import SIZES, Circuit, WeightEdges
from ...models import Model
from ...tasks import Task
from ...verify.nodes import diagram, edges_on
from .._stage import Stage, Work, ref, refs
from ._artifacts import CIRCUITS, MODELS, TASKS
from ._audit import of_nodes


@dataclass(frozen=True, kw_only=True)
class WeightEdgesStage(Stage):
    """The weights between a circuit's nodes: how many there are, and what to draw of them.

    Attributes:
        split: whose tokens count at both ends, and on which flow is measured.
        most_nodes, most_edges: of the picture; what is left out is counted.
        batch_size: examples per forward.
        transfer: allow a circuit that was found in other weights of the same shape.
    """

    kind: ClassVar[str] = "weight_edges"
    room: ClassVar[str] = "verify"
    model: str = ref(*MODELS)
    task: str = ref(*TASKS)
    circuit: str = ref(*CIRCUITS)
    split: Literal["test", "validation", "train"] = "test"
    most_nodes: int = 150
    most_edges: int = 600
    batch_size: int = 64
    transfer: bool = False

    def run(self, work: Work) -> dict[str, Any]:
        model: Model = work.inputs["model"]
        task: Task = work.inputs["task"]
        split = getattr(task, self.split)
        circuit = of_nodes(work.inputs["circuit"])
        found = edges_on(model, circuit, split, transfer=self.transfer)
        drawn = diagram(
            model,
            found,
            split,
            most_nodes=self.most_nodes,
            most_edges=self.most_edges,
            batch_size=self.batch_size,
        )
        about = {"task": task.name, "split": split.name, "n": len(split), "model": model.name}
        return (
            about
            | found.counts()
            | {"pairs": sum(part.pairs for part in found.connections)}
            | {"by_layer": _by_layer(found, circuit), "diagram": drawn.to_dict()}
        )

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> None:
        return None


def _by_layer(found: WeightEdges, circuit: Circuit) -> list[dict[str, Any]]:
    rows = []
    for layer in range(circuit.universe.shape.n_layers):
        own = [part for part in found.connections if part.layer == layer]
        rows.append(
            {
                "layer": layer,
                "nodes": sum(row.kept for row in circuit.by_layer() if row.layer == layer),
                "edges": sum(map(len, own)),
                "biases": sum(len(part) for part in found.biases if part.layer == layer),
                "connections": [
                    {"source": c.source, "target": c.target, "edges": len(c), "pairs": c.pairs}
                    for c in own
                ],
            }
        )
    return rows


@dataclass(frozen=True, kw_only=True)
class MeanSize(Stage):
    """Geometric means of circuit sizes over tasks, as the weight-sparse paper reports them.

    Attributes:
        circuits: names of `weight_edges` stages; left empty, every one before this.
    """

    kind: ClassVar[str] = "mean_size"
    room: ClassVar[str] = "verify"
    circuits: tuple[str, ...] = refs("weight_edges", every=True)

    def run(self, work: Work) -> dict[str, Any]:
        rows = [work.metrics[f"circuits.{place}"] for place in range(len(self.circuits))]
        return {
            "n": len(rows),
            "tasks": sorted({row["task"] for row in rows}),
            "geometric_mean": {size: _geometric_mean([r[size] for r in rows]) for size in SIZES},
        }

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> None:
        return None


def _geometric_mean(values: list[int]) -> float:
    """0 if one of them is."""
    if not all(values):
        return 0.0
    return math.exp(math.fsum(map(math.log, values)) / len(values))
