"""A stage that squeezes a circuit."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from ...circuits import Circuit, EdgeCircuit, Scores
from ...errors import RecipeError
from ...interventions import Mean
from ...journal import Journal
from ...tasks import Task
from ...verify import Squeezing, squeeze
from .._stage import Stage, Work, ref
from ._artifacts import CIRCUITS, MODELS, NODE_SCORES, TASKS
from ._prove import own_replacement
from ._select import sizes_of


@dataclass(frozen=True, kw_only=True)
class SqueezeStage(Stage, Squeezing):
    """The smallest circuit inside another that keeps the target on the validation split.

    Attributes:
        replacement: what nodes outside are given; empty for the one that the circuit was sized
            under.
        transfer: allow a circuit that was found in other weights of the same shape.
    """

    kind: ClassVar[str] = "squeeze"
    room: ClassVar[str] = "verify"
    model: str = ref(*MODELS)
    task: str = ref(*TASKS)
    circuit: str = ref(*CIRCUITS)
    scores: str = ref(*NODE_SCORES)
    means: str = ref("means", optional=True)
    replacement: Literal["", "mean", "zero", "counterfactual", "resample"] = ""
    transfer: bool = False

    def run(self, work: Work) -> dict[str, Any]:
        circuit: Circuit | EdgeCircuit = work.inputs["circuit"]
        scores: Scores = work.inputs["scores"]
        if isinstance(circuit, EdgeCircuit) or not isinstance(scores, Scores):
            raise RecipeError("squeeze takes a circuit and scores of nodes, not of edges")
        kind = self.replacement or own_replacement(circuit)
        means: Mean | None = work.inputs["means"]
        if kind == "mean" and means is not None and not circuit.means:
            circuit = replace(circuit, means=means.values)
        task: Task = work.inputs["task"]
        log = Journal(work.folder / "squeeze.jsonl")
        known = dict(log.read(lambda row: (row["circuit"], row["right"])))
        found = squeeze(
            work.inputs["model"],
            circuit,
            scores,
            task.validation,
            kind,
            config=self.part(Squeezing),
            known=known,
            found=lambda step: None if step.circuit in known else log.add(asdict(step)),
            transfer=self.transfer,
            progress=work.progress,
        )
        about = {"kind": kind, "reference": found.reference, "positions": found.positions}
        how = {"target": self.target, "relative": self.relative, "confident": self.confident}
        squeezed = found.circuit.with_origin(
            replacement=circuit.origin.get("replacement", {}) | about,
            squeezed=how | {"from": found.start, "split": found.split, "reached": found.reached},
        )
        squeezed.save(work.folder)
        return sizes_of(squeezed) | found.to_dict()

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Circuit:
        return Circuit.load(folder)
