"""Stages between directions and circuits: energy as scores of nodes, and what circuits hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ...circuits import Scores
from ...decompose import Decomposition, node_scores, strongest
from ...decompose.evidence import coverage
from ...errors import RecipeError
from ...models import Model
from ...tasks import Task
from .._stage import Stage, Work, ref
from ._artifacts import CIRCUITS, GRADIENTS, MODELS, TASKS
from ._audit import of_nodes
from ._decompose import in_memory


@dataclass(frozen=True, kw_only=True)
class OfDirections(Stage):
    """What stages about chosen directions have in common; by default those are all that are alive.

    Attributes:
        directions: their places, counted from 0.
        most: instead, so many that bear most on the train split of ...
        by: ... these gradients.
        memory_mb: gradients up to this size are held in memory, in MiB.
    """

    room: ClassVar[str] = "decompose"
    model: str = ref(*MODELS)
    decomposition: str = ref("decompose")
    directions: tuple[int, ...] = ()
    most: int = 0
    by: str = ref(*GRADIENTS)
    memory_mb: int = 4096

    def __post_init__(self) -> None:
        if self.directions and self.most:
            raise RecipeError("name `directions`, or how many are taken at `most`, not both")
        if self.most < 0:
            raise RecipeError("most cannot be below 0; 0 takes all directions that are alive")
        above = getattr(super(), "__post_init__", None)
        if above is not None:
            above()

    def chosen(self, work: Work) -> tuple[list[int] | None, dict[int, float] | None]:
        """Places of directions, None for all alive ones; and their impacts, where these decide."""
        if not self.most:
            return list(self.directions) or None, None
        taken = in_memory(work.inputs["by"]["train"], work.folders["by"] / "train", self.memory_mb)
        found = strongest(work.inputs["decomposition"], taken, self.most)
        return list(found), found


@dataclass(frozen=True, kw_only=True)
class EnergyStage(OfDirections):
    """Scores by which the nodes come first that hold most of some directions' energy.

    Directions that are chosen by `most` count by their impact, others alike.

    Attributes:
        task: what the circuit is for, if it is for one; kept in its file.
        universe: heads and MLP channels.
    """

    kind: ClassVar[str] = "energy"
    task: str = ref(*TASKS, optional=True)
    universe: str = "mlp.post_act,attn.z:head"

    def run(self, work: Work) -> dict[str, Any]:
        model: Model = work.inputs["model"]
        found: Decomposition = work.inputs["decomposition"]
        task: Task | None = work.inputs["task"]
        chosen, weights = self.chosen(work)
        scores = node_scores(model, found, self.universe, chosen=chosen, weights=weights)
        if task is not None:
            scores = scores.with_origin(
                task=task.name, task_config=dict(task.config), first_tokens=task.first_tokens
            )
        scores.save(work.folder)
        names = ("method", "directions", "parameters", "outside")
        kept = {name: scores.origin[name] for name in names}
        about = {"universe": scores.universe.spec, "nodes": scores.universe.size}
        return kept | about | _concentrated(scores)

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Scores:
        return Scores.load(folder)


def _concentrated(scores: Scores) -> dict[str, Any]:
    """The nodes with most energy, and which part of all that nodes hold the top ones have."""
    values, order = scores.values.double().sort(descending=True, stable=True)
    parts = values.cumsum(0) / values.sum()
    counts = [count for count in (1, 10, 100, 1000, 10000) if count < len(values)]
    return {
        "top": {str(count): float(parts[count - 1]) for count in counts},
        "strongest": [
            {"node": scores.universe.name(int(node)), "energy": float(scores.values[node])}
            for node in order[:10]
        ],
    }


@dataclass(frozen=True, kw_only=True)
class CoverageStage(OfDirections):
    """How much of some directions a circuit's nodes hold, beside random circuits of its size.

    Attributes:
        circuit: of heads and MLP channels.
        draws: random circuits.
        seed: of the draws.
        transfer: allow a circuit that was found in other weights of the same shape.
    """

    kind: ClassVar[str] = "coverage"
    circuit: str = ref(*CIRCUITS)
    draws: int = 1000
    seed: int = 0
    transfer: bool = False

    def run(self, work: Work) -> dict[str, Any]:
        circuit = of_nodes(work.inputs["circuit"])
        chosen, _ = self.chosen(work)
        found = coverage(
            work.inputs["model"],
            work.inputs["decomposition"],
            circuit,
            chosen=chosen,
            draws=self.draws,
            seed=self.seed,
            transfer=self.transfer,
        )
        about = {"task": str(circuit.origin.get("task", "")), "universe": circuit.universe.spec}
        return about | found.to_dict()

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> None:
        return None
