"""Stages that audit a circuit and carry circuits over to other models."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from ...circuits import Circuit, EdgeCircuit, Scores
from ...errors import RecipeError
from ...journal import Journal
from ...models import Model
from ...tasks import Task
from ...verify import TransferCell, transfer_matrix
from ...verify.audits import (
    RANKS,
    SITES,
    Audited,
    attribution_share,
    geometry,
    low_rank,
    mask_energy,
)
from .._stage import Stage, Work, ref, refs
from ._artifacts import CIRCUITS, MODELS, SCORED, TASKS, once
from ._prove import own_replacement

Part = Literal["geometry", "energy", "projection"]


@dataclass(frozen=True, kw_only=True)
class Audit(Stage):
    """What a model's activations on a task are like, and how much of them a circuit carries.

    Every part is by layer, by place in the answer and by stratum, but for projection.

    Attributes:
        base: a model to compare with, as a rule the one before training.
        circuit: its share of the MLPs' activity is measured; there may be none.
        scores: the circuit's share of these is measured.
        split: on which examples; directions to project on come from the train split.
        parts: which audits: `geometry` (ranks; with a base also how alike both are), `energy`
            (needs a circuit) and `projection`.
        sites: whose geometry, `mlp.post_act` and `residual`.
        strata: which strata of the examples; null for all that they have.
        ranks: of the projection.
        top: principal directions whose overlap with the base's is measured.
        seed: of the random directions beside the projection.
        batch_size: examples per forward.
        transfer: allow a circuit that was found in other weights of the same shape.
    """

    kind: ClassVar[str] = "audit"
    room: ClassVar[str] = "verify"
    model: str = ref(*MODELS)
    base: str = ref(*MODELS, named=True)
    task: str = ref(*TASKS)
    circuit: str = ref(*CIRCUITS, optional=True)
    scores: str = ref(*SCORED, named=True)
    split: Literal["test", "validation", "train"] = "test"
    parts: tuple[Part, ...] = ("geometry", "energy", "projection")
    sites: tuple[Audited, ...] = SITES
    strata: tuple[str, ...] | None = None
    ranks: tuple[int, ...] = RANKS
    top: int = 10
    seed: int = 0
    batch_size: int = 64
    transfer: bool = False

    def run(self, work: Work) -> dict[str, Any]:
        circuit = of_nodes(work.inputs["circuit"]) if self.circuit else None
        makers: dict[str, Callable[[], dict[str, Any]]] = {}
        if circuit is not None and "energy" in self.parts:
            makers["energy"] = lambda: self._energy(work, "model", circuit, self.transfer)
            if self.base:
                makers["base_energy"] = lambda: self._energy(work, "base", circuit, True)
        if circuit is not None and self.scores:
            makers["attribution"] = lambda: self._attribution(work, circuit)
        if "projection" in self.parts:
            makers["projection"] = lambda: self._projection(work)
        if "geometry" in self.parts:
            makers["geometry"] = lambda: self._geometry(work)
        if not makers:
            raise RecipeError(
                "nothing to audit: name `parts`, and for energy a circuit that comes before"
            )
        split = getattr(work.inputs["task"], self.split)
        about = {"split": split.name, "n": len(split), "replacement": "none"}
        return about | {
            name: once(work.folder / f"{name}.json", make) for name, make in makers.items()
        }

    def _energy(self, work: Work, model: str, circuit: Circuit, transfer: bool) -> dict[str, Any]:
        return mask_energy(
            work.inputs[model],
            circuit,
            getattr(work.inputs["task"], self.split),
            strata=self.strata,
            batch_size=self.batch_size,
            transfer=transfer,
        ).to_dict()

    def _attribution(self, work: Work, circuit: Circuit) -> dict[str, Any]:
        scores = work.inputs["scores"]
        if not isinstance(scores, Scores):
            raise RecipeError("an audit takes scores of nodes, not of edges: name others")
        return attribution_share(scores, circuit).to_dict()

    def _projection(self, work: Work) -> dict[str, Any]:
        task: Task = work.inputs["task"]
        return low_rank(
            work.inputs["model"],
            task.train,
            getattr(task, self.split),
            ranks=self.ranks,
            seed=self.seed,
            batch_size=self.batch_size,
            progress=work.progress,
        ).to_dict()

    def _geometry(self, work: Work) -> dict[str, Any]:
        base: Model | None = work.inputs["base"]
        return geometry(
            work.inputs["model"],
            getattr(work.inputs["task"], self.split),
            base,
            sites=self.sites,
            strata=self.strata,
            top=self.top,
            batch_size=self.batch_size,
            progress=work.progress,
        ).to_dict()

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> None:
        return None


@dataclass(frozen=True, kw_only=True)
class TransferStage(Stage):
    """Every circuit in every model: rows are circuits (found on), columns models (run on).

    Attributes:
        models: names of stages that hand on a model; left empty, every one before this.
        circuits: names of stages that hand on a circuit; left empty, every one before this.
        replacement: what nodes outside are given; empty for the one that the circuits were sized
            under. Means are taken over the reference set in the model that is run.
        split: on which examples.
        batch_size: examples per forward.
    """

    kind: ClassVar[str] = "transfer"
    room: ClassVar[str] = "verify"
    models: tuple[str, ...] = refs(*MODELS, every=True)
    circuits: tuple[str, ...] = refs(*CIRCUITS, every=True)
    task: str = ref(*TASKS)
    replacement: Literal["", "mean", "zero", "counterfactual", "resample"] = ""
    split: Literal["test", "validation", "train"] = "test"
    batch_size: int = 64

    def settings(self) -> dict[str, Any]:
        """The names of models and circuits too: they head the rows and columns."""
        names = {"models": list(self.models), "circuits": list(self.circuits)}
        return super().settings() | names

    def run(self, work: Work) -> dict[str, Any]:
        task: Task = work.inputs["task"]
        found = [of_nodes(circuit) for circuit in work.several("circuits")]
        circuits = dict(zip(self.circuits, found, strict=True))
        log = Journal(work.folder / "cells.jsonl")
        return transfer_matrix(
            dict(zip(self.models, work.several("models"), strict=True)),
            circuits,
            getattr(task, self.split),
            self.replacement or _shared_replacement(circuits),
            reference=task.reference,
            batch_size=self.batch_size,
            known=log.read(TransferCell.from_dict),
            found=lambda cell: log.add(cell.to_dict()),
            progress=work.progress,
        ).to_dict()

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> None:
        return None


def of_nodes(circuit: Circuit | EdgeCircuit) -> Circuit:
    """The circuit, if it is of nodes.

    Raises:
        RecipeError: it is of edges.
    """
    if isinstance(circuit, EdgeCircuit):
        raise RecipeError("this takes circuits of nodes, not of edges: name others")
    return circuit


def _shared_replacement(circuits: Mapping[str, Circuit]) -> str:
    kinds = {name: own_replacement(circuit) for name, circuit in circuits.items()}
    if len(set(kinds.values())) > 1:
        told = ", ".join(f"{name} under {kind}" for name, kind in kinds.items())
        raise RecipeError(f"the circuits were sized differently ({told}): set `replacement`")
    return next(iter(kinds.values()))
