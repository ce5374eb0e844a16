"""Stages that take a model's gradients, and decompose them into directions in parameter space."""

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from math import prod
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from ...decompose import (
    L3D,
    Collecting,
    Decomposition,
    Gradients,
    PairConfig,
    StoredGradients,
    collect,
    collect_pairs,
)
from ...decompose import decompose as learn
from ...errors import RecipeError, nearest
from ...models import Fingerprint, Model
from ...tasks import Task
from .._stage import Stage, Work, ref
from ._artifacts import GRADIENTS, MODELS, TASKS, once

SPLITS = ("train", "validation", "test")


def windows_of(task: Task, split: str) -> tuple[Tensor, str]:
    """A text's windows as rows of tokens, and what the split is called.

    Raises:
        RecipeError: the task is not a text.
    """
    if task.config.get("name") != "text":
        raise RecipeError(
            f"gradients are taken on windows of text of one length, which {task.name} is not: name "
            "a task `text`"
        )
    found = getattr(task, split)
    return torch.tensor([item.prompt + item.answers[0] for item in found.encoded]), found.name


def in_memory(found: StoredGradients, folder: Path, memory_mb: int) -> Gradients:
    """Gradients read at once where they are no larger than that; else as they lie on disk."""
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return found.loaded() if size <= memory_mb * 2**20 else found


@dataclass(frozen=True, kw_only=True)
class GradientStage(Stage, Collecting):
    """The gradients of a text's windows by some parameters, against random other windows.

    Attributes:
        references_each: how often the test split is compared anew: impacts are means over these.
    """

    kind: ClassVar[str] = "gradients"
    room: ClassVar[str] = "decompose"
    model: str = ref(*MODELS)
    task: str = ref(*TASKS)
    divergence: str = "kl"
    samples: Literal["last", "token", "row"] = "last"
    references_each: int = 3

    def run(self, work: Work) -> dict[str, Any]:
        model: Model = work.inputs["model"]
        task: Task = work.inputs["task"]
        found: dict[str, StoredGradients] = {}
        for name, split, seed in self._parts():
            rows, _ = windows_of(task, split)
            taken = collect(
                model,
                rows.to(model.device),
                replace(self.part(Collecting), seed=seed),
                folder=work.folder / name,
                progress=work.progress,
            )
            assert isinstance(taken, StoredGradients)
            found[name] = taken
        return _facts(task, model, found) | {"window": windows_of(task, "train")[0].shape[1]}

    def _parts(self) -> list[tuple[str, str, int]]:
        """Folder, split and seed of references, of everything that is collected."""
        more = [(f"test-{i}", "test", self.seed + 1000 * i) for i in range(1, self.references_each)]
        return [(name, name, self.seed) for name in SPLITS] + more

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> dict[str, StoredGradients]:
        return {name: StoredGradients.load(folder / name) for name, _, _ in self._parts()}


@dataclass(frozen=True, kw_only=True)
class Contrast(Stage, PairConfig):
    """The gradients of a task's prompts, each against its counterfactual, by some parameters.

    What is compared is what the model says where the answer begins.

    Attributes:
        shared: see `decompose.PairConfig`; where parameters need the general path, set it to true.
    """

    kind: ClassVar[str] = "contrast"
    room: ClassVar[str] = "decompose"
    model: str = ref(*MODELS)
    task: str = ref(*TASKS)
    divergence: str = "kl"
    samples: Literal["last"] = "last"
    shared: bool = False

    def run(self, work: Work) -> dict[str, Any]:
        model, task = work.inputs["model"], work.inputs["task"]
        found: dict[str, Gradients] = {}
        for name in SPLITS:
            found[name] = collect_pairs(
                model,
                getattr(task, name),
                self.part(PairConfig),
                folder=work.folder / name,
                progress=work.progress,
            )
        return _facts(task, model, found)

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> dict[str, StoredGradients]:
        return {name: StoredGradients.load(folder / name) for name in SPLITS}


def _facts(task: Task, model: Model, found: Mapping[str, Gradients]) -> dict[str, Any]:
    shapes = found["train"].shapes
    return {
        "task": task.name,
        "model": asdict(model.fingerprint),
        "parameters": {name: list(shape) for name, shape in shapes.items()},
        "numbers": sum(map(prod, shapes.values())),
        "n": {name: len(found[name]) for name in SPLITS},
        "top_tenth": _top_tenth(found["train"]),
    }


def _top_tenth(found: Gradients) -> float:
    """The part of the energy that the tenth of the samples with the largest gradients holds."""
    energy = found.squared_norms().sort(descending=True).values
    whole = float(energy.sum())
    return float(energy[: max(1, len(energy) // 10)].sum()) / whole if whole > 0 else 0.0


@dataclass(frozen=True, kw_only=True)
class Decompose(Stage, L3D):
    """Directions of which the gradients of the train split need few, see `decompose.decompose`.

    Attributes:
        per_sample: give every gradient norm 1: in language models few samples hold most of the
            energy.
        tried: settings to choose from, each in place of those above; what leaves least of the
            validation split's gradients is kept.
        memory_mb: gradients up to this size are held in memory, in MiB.
    """

    kind: ClassVar[str] = "decompose"
    room: ClassVar[str] = "decompose"
    gradients: str = ref(*GRADIENTS)
    ranks: int | dict[str, int] = 1
    per_sample: bool = True
    tried: tuple[dict[str, Any], ...] = ()
    memory_mb: int = 4096

    def __post_init__(self) -> None:
        self._configs()  # so that a recipe with a wrong setting is refused before anything runs

    def run(self, work: Work) -> dict[str, Any]:
        folder = work.folders["gradients"]
        found: dict[str, StoredGradients] = work.inputs["gradients"]
        train, held = (in_memory(found[name], folder / name, self.memory_mb) for name in SPLITS[:2])
        weights = Fingerprint(**work.metrics["gradients"]["model"])
        rows = []
        for place, (settings, config) in enumerate(self._configs()):
            own = work.folder / f"tried-{place}"
            row = once(
                own / "row.json", lambda c=config, o=own: _learn(train, held, c, weights, o, work)
            )
            rows.append(settings | row)
        best = min(range(len(rows)), key=lambda place: rows[place]["validation_error"])
        Decomposition.load(work.folder / f"tried-{best}").save(work.folder)
        for place in range(len(rows)):
            shutil.rmtree(work.folder / f"tried-{place}")
        settings, config = self._configs()[best]
        return self._facts(Decomposition.load(work.folder), rows[best]) | {
            "split": f"{work.metrics['gradients']['task']}/train",
            "n": len(train),
            "validation_n": len(held),
            "chosen": settings,
            "tried": [{k: v for k, v in row.items() if k != "history"} for row in rows],
        }

    def _facts(self, found: Decomposition, row: dict[str, Any]) -> dict[str, Any]:
        config = found.config
        return {
            "count": config.count,
            "active": config.active,
            "ranks": found.decoder.ranks,
            "seed": config.seed,
            "per_sample": config.per_sample,
            "numbers": found.decoder.numbers,
            "train_error": found.train_error,
            "validation_error": row["validation_error"],
            "dead": len(found.dead),
            "history": found.history,
        }

    def _configs(self) -> list[tuple[dict[str, Any], L3D]]:
        """What is tried, and the whole settings of it.

        Raises:
            RecipeError: there is no such setting.
            DecomposeError: a value that makes no sense.
        """
        known, found = {field.name for field in fields(L3D)}, []
        for settings in self.tried or ({},):
            for name in settings:
                if name not in known:
                    raise RecipeError(f"tried: no setting {name!r}: {nearest(name, known)}")
            found.append((settings, replace(self.part(L3D), **settings)))
        return found

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Decomposition:
        return Decomposition.load(folder)


def _learn(
    train: Gradients, held: Gradients, config: L3D, model: Fingerprint, folder: Path, work: Work
) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    checkpoint = folder / "training.safetensors"
    found = learn(train, config, model=model, checkpoint=checkpoint, progress=work.progress)
    found.save(folder)
    checkpoint.unlink(missing_ok=True)
    return {
        "validation_error": found.error(held),
        "train_error": found.train_error,
        "dead": len(found.dead),
    }
