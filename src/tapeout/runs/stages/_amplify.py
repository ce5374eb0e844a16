"""Stages that say what to change for a capability: pairs of tokens, and components."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ...amplify import (
    LocalisationSet,
    Localising,
    Method,
    TraceConfig,
    localisation_set,
    localise,
)
from ...circuits import Circuit
from ...errors import RecipeError
from ...reasoning import ReasoningTask
from ...verify import random_like
from .._stage import Stage, Work, ref
from ._artifacts import CIRCUITS, MODELS
from ._problems import PROBLEMS, problems_of
from ._select import sizes_of

PAIRS = "pairs.jsonl"
TRACES = "traces.jsonl"
TEXTS = "texts.jsonl"


@dataclass(frozen=True, kw_only=True)
class Pivots(Stage, TraceConfig):
    """Where a model's wrong chains of reasoning leave right ones, see `amplify.localisation_set`.

    Attributes:
        method: `branching` or `prefix`.
        like: other pivots of the same model, problems and settings, whose traces are taken over.
        take: only the first so many problems of the train split; 0 takes all.
    """

    kind: ClassVar[str] = "pivots"
    room: ClassVar[str] = "amplify"
    model: str = ref(*MODELS)
    problems: str = ref(*PROBLEMS)
    like: str = ref("pivots", named=True)
    method: Method = "branching"
    take: int = 0

    def run(self, work: Work) -> dict[str, Any]:
        task: ReasoningTask = work.inputs["problems"]
        traces = work.folder / "traces"
        if self.like and not (traces / TRACES).exists():
            traces.mkdir(exist_ok=True)
            shutil.copyfile(work.folders["like"] / "traces" / TRACES, traces / TRACES)
        found = localisation_set(
            work.inputs["model"],
            problems_of(task, "train", self.take),
            task=task,
            method=self.method,
            config=self.part(TraceConfig),
            folder=traces,
            texts=work.folder / TEXTS,
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
