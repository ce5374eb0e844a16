"""A stage that learns a mask."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from ...circuits import EdgeScores, Scores
from ...errors import RecipeError, nearest
from ...find.masks import (
    EDGES,
    PRESETS,
    MaskConfig,
    Penalty,
    SizeControl,
    Target,
    learn_edges,
    learn_mask,
)
from ...interventions import Mean
from ...models import Model
from ...tasks import Task
from .._stage import Stage, Work, ref
from ._artifacts import MODELS, TASKS, open_scores


@dataclass(frozen=True, kw_only=True)
class Mask(Stage):
    """Scores from gates that are learned on the train split; above 0 a node is kept.

    Attributes:
        preset: whose settings to start from: `node-pruning`, `heaviside-pruning`, `dcm` or
            `l0-donor`; whatever is set below takes the place of its own.
        universe: the nodes, or `edges`; empty for the preset's.
        weight, weights: of the penalty on open gates, for all parts, and by what to multiply it
            for some.
        target: instead of a penalty, the share of gates that is to stay open.
        ramp: steps over which penalty or target set in.
        replacement, objective, steps, batch_size, learning_rate, patience: see `MaskConfig`.
        seed: of first parameters, noise and the order of batches.
    """

    kind: ClassVar[str] = "mask"
    room: ClassVar[str] = "find"
    model: str = ref(*MODELS)
    task: str = ref(*TASKS)
    means: str = ref("means", optional=True)
    preset: str = "node-pruning"
    universe: str = ""
    weight: float | None = None
    weights: dict[str, float] = field(default_factory=dict)
    target: float | None = None
    ramp: int | None = None
    replacement: Literal["", "counterfactual", "mean", "zero", "resample", "scale"] = ""
    objective: Literal["", "kl", "task", "candidates", "logit_difference"] = ""
    steps: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    patience: int | None = None
    seed: int = 0

    def run(self, work: Work) -> dict[str, Any]:
        task: Task = work.inputs["task"]
        config, universe = self._config()
        common: dict[str, Any] = {
            "config": config,
            "checkpoint": work.folder / "training.safetensors",
            "progress": work.progress,
        }
        model: Model = work.inputs["model"]
        if universe == EDGES:
            found = learn_edges(model, task.train, **common)
        else:
            means: Mean | None = work.inputs["means"]
            found = learn_mask(model, task.train, universe, means=means, **common)
        found.scores.with_origin(
            preset=self.preset,
            task=task.name,
            task_config=dict(task.config),
            first_tokens=task.first_tokens,
        ).save(work.folder)
        (work.folder / "curve.json").write_text(json.dumps(found.curve), encoding="utf-8")
        return {
            "method": self.preset,
            "split": task.train.name,
            "n": len(task.train),
            "universe": universe,
            "edges" if universe == EDGES else "nodes": found.scores.universe.size,
            "steps": len(found.curve),
            "size": found.circuit.size,
            "share": found.circuit.share,
            "last": found.curve[-1],
        }

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Scores | EdgeScores:
        return open_scores(folder)

    def _config(self) -> tuple[MaskConfig, str]:
        """The preset with what is set in its place, and the universe.

        Raises:
            RecipeError: there is no such preset, or both a penalty and a target are set.
        """
        if self.preset not in PRESETS:
            raise RecipeError(f"unknown preset {self.preset!r}: {nearest(self.preset, PRESETS)}")
        preset = PRESETS[self.preset]
        names = ("replacement", "objective", "steps", "batch_size", "learning_rate", "patience")
        given = {name: getattr(self, name) for name in names}
        changes = {name: value for name, value in given.items() if value not in ("", None)}
        changes["size"] = self._size(preset.config.size)
        return replace(preset.config, seed=self.seed, **changes), self.universe or preset.universe

    def _size(self, own: SizeControl) -> SizeControl:
        """The preset's size control with what is set in its place."""
        given = {"weight": self.weight, "weights": self.weights or None, "ramp": self.ramp}
        given = {name: value for name, value in given.items() if value is not None}
        if self.target is None:
            if isinstance(own, Target) and given.keys() <= {"ramp"}:
                return replace(own, **given)
            return replace(own if isinstance(own, Penalty) else Penalty(), **given)
        if given.keys() - {"ramp"}:
            raise RecipeError("a mask has a target or weights, not both")
        control = own if isinstance(own, Target) else Target(share=self.target)
        return replace(control, share=self.target, **given)
