"""Stages that make one capability better: pairs of tokens, components, an update."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ...amplify import (
    Delta,
    LocalisationSet,
    Localising,
    Method,
    TraceConfig,
    Updating,
    localisation_set,
    localise,
    solves,
    sweep,
)
from ...circuits import Circuit
from ...errors import RecipeError
from ...models import Model, load
from ...reasoning import ReasoningTask
from ...tasks import Task
from ...verify import random_like
from .._stage import Stage, Work, ref, refs
from ._artifacts import CIRCUITS, MODELS, TASKS, model_facts
from ._beside import beside
from ._problems import PROBLEMS, problems_of
from ._select import sizes_of

PAIRS, DELTA = "pairs.jsonl", "delta.safetensors"


@dataclass(frozen=True, kw_only=True)
class Pivots(Stage, TraceConfig):
    """Where a model's wrong chains of reasoning leave right ones, see `amplify.localisation_set`.

    Attributes:
        method: `branching` or `prefix`.
        take: only the first so many problems of the train split; 0 takes all.
    """

    kind: ClassVar[str] = "pivots"
    room: ClassVar[str] = "amplify"
    model: str = ref(*MODELS)
    problems: str = ref(*PROBLEMS)
    method: Method = "branching"
    take: int = 0

    def run(self, work: Work) -> dict[str, Any]:
        task: ReasoningTask = work.inputs["problems"]
        found = localisation_set(
            work.inputs["model"],
            problems_of(task, "train", self.take),
            task=task,
            method=self.method,
            config=self.part(TraceConfig),
            folder=work.folder / "traces",
            progress=work.progress,
        )
        found.save(work.folder / PAIRS)
        return {"pairs": found.name, "n": len(found), **found.origin}

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> LocalisationSet:
        return LocalisationSet.load(folder / PAIRS)


@dataclass(frozen=True, kw_only=True)
class Localise(Stage, Localising):
    """The heads and neurons that promote the tokens of right answers, see `amplify.localise`."""

    kind: ClassVar[str] = "localise"
    room: ClassVar[str] = "amplify"
    model: str = ref(*MODELS)
    pivots: str = ref("pivots")

    def run(self, work: Work) -> dict[str, Any]:
        masks = work.folder / "masks"
        masks.mkdir(exist_ok=True)
        found = localise(
            work.inputs["model"],
            work.inputs["pivots"],
            config=self.part(Localising),
            folder=masks,
            progress=work.progress,
        )
        found.circuit.save(work.folder)
        return sizes_of(found.circuit) | found.to_dict()

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Circuit:
        return Circuit.load(folder)


@dataclass(frozen=True, kw_only=True)
class RandomLike(Stage):
    """As many random nodes of every kind in every layer as a circuit has: a control.

    Attributes:
        seed: of the draw.
    """

    kind: ClassVar[str] = "random"
    room: ClassVar[str] = "verify"
    circuit: str = ref(*CIRCUITS)
    seed: int = 0

    def run(self, work: Work) -> dict[str, Any]:
        circuit: Any = work.inputs["circuit"]
        if not isinstance(circuit, Circuit):
            raise RecipeError("random takes a circuit of nodes, not of edges")
        drawn = random_like(circuit, self.seed).with_origin(random_like=circuit.describe())
        drawn.save(work.folder)
        return sizes_of(drawn)

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Circuit:
        return Circuit.load(folder)


@dataclass(frozen=True, kw_only=True)
class Amplify(Stage, Updating):
    """A model that writes the desired tokens more, by an update of a circuit's weights alone.

    Attributes:
        circuit: its components; left empty every parameter is updated (a control).
        problems: the step and the learning rate are chosen by how many of their validation split
            the model solves.
        watched: tasks or texts on which the model is compared with its base, on their test splits.
        rates: learning rates to choose from; none takes `learning_rate`.
        take: only the first so many problems of the validation split; 0 takes all.
        limit, batch_size: most tokens of a solution, and problems at once.
        device: where the new model runs; empty for the GPU if there is one.
    """

    kind: ClassVar[str] = "amplify"
    room: ClassVar[str] = "amplify"
    model: str = ref(*MODELS)
    pivots: str = ref("pivots")
    circuit: str = ref(*CIRCUITS, named=True)
    problems: str = ref(*PROBLEMS)
    watched: tuple[str, ...] = refs(*TASKS)
    rates: tuple[float, ...] = ()
    take: int = 0
    limit: int = 256
    batch_size: int = 32
    device: str = ""

    def run(self, work: Work) -> dict[str, Any]:
        base: Model = work.inputs["model"]
        task: ReasoningTask = work.inputs["problems"]
        validation = problems_of(task, "validation", self.take)
        checkpoints = work.folder / "checkpoints"
        checkpoints.mkdir(exist_ok=True)
        found = sweep(
            base,
            work.inputs["pivots"],
            work.inputs["circuit"],
            self.part(Updating),
            evaluate=solves(validation, task=task, limit=self.limit, batch_size=self.batch_size),
            rates=self.rates or (self.learning_rate,),
            checkpoints=checkpoints,
            progress=work.progress,
        )
        best = found.best
        delta = best.delta()
        delta.save(work.folder / DELTA)
        best.model.save_pretrained(work.folder)
        for file in checkpoints.iterdir():
            file.unlink()
        checkpoints.rmdir()
        lines = [json.dumps(entry) for entry in best.curve]
        (work.folder / "curve.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        others: list[Task] = work.several("watched")
        source = f"{work.metrics['model']['source']}, amplified"
        return model_facts(best.model, source) | {
            "split": validation.name,
            "n": len(validation),
            "step": best.step,
            "base_score": best.scores[0],
            "score": best.scores[best.step],
            "scores": {str(step): score for step, score in best.scores.items()},
            "rates": found.rows,
            "curve": best.curve,
            "origin": best.origin,
            "delta": delta.info(),
            "others": {
                name: beside(best.base, best.model, other)
                for name, other in zip(self.watched, others, strict=True)
            },
        }

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Model:
        return load(folder, device=self.device or None)


def delta_of(folder: Path) -> Delta:
    """The delta file of an `amplify` stage's artifact.

    Raises:
        AmplifyError: there is none, or it is damaged.
    """
    return Delta.load(folder / DELTA)
