"""A stage that learns many masks and takes the smallest that is good enough."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from ...circuits import EdgeScores, Scores
from ...errors import RecipeError, nearest
from ...find.masks import (
    EDGES,
    PRESETS,
    SPREAD,
    MaskConfig,
    Penalty,
    SweepConfig,
    Trial,
    around,
    sampler_of,
    sweep_edges,
    sweep_masks,
    with_settings,
)
from ...find.masks import Sweep as Found
from ...tasks import Task
from .._stage import Stage, Work, ref
from ._artifacts import MODELS, TASKS, open_scores


@dataclass(frozen=True, kw_only=True)
class Sweep(Stage):
    """Scores of the smallest learned mask that loses little enough on the validation split.

    Every mask is learned on the train split and measured on the validation split, as the circuit
    that it is in the end. The loss limit is `loss`, or `relative_loss` of the way from the loss of
    all nodes kept to that of none.

    Attributes:
        preset: whose settings to start from, see `mask`; whatever is set below takes the place of
            its own.
        universe: the nodes, or `edges`; empty for the preset's.
        replacement, objective: see `MaskConfig`; empty for the preset's.
        weights: of the penalty on open gates, by part.
        start: further settings to start from, such as `weight`, `steps` or `learning_rate`.
        space: setting -> [least, largest], searched on a logarithmic scale where both are above 0;
            empty for what is usually varied with the preset.
        trials: how many settings to try.
        seeds: how many masks to learn under each.
        seed: of the search, and the first of the masks' seeds.
        sampler: `optuna`, `grid`, or `auto`: Optuna where it is installed.
        loss, relative_loss: what the chosen mask may lose; `loss` goes first.
    """

    kind: ClassVar[str] = "sweep"
    room: ClassVar[str] = "find"
    model: str = ref(*MODELS)
    task: str = ref(*TASKS)
    means: str = ref("means", optional=True)
    preset: str = "node-pruning"
    universe: str = ""
    replacement: Literal["", "counterfactual", "mean", "zero", "resample", "scale"] = ""
    objective: Literal["", "kl", "task", "candidates", "logit_difference"] = ""
    weights: dict[str, Any] = field(default_factory=dict)
    start: dict[str, Any] = field(default_factory=dict)
    space: dict[str, Any] = field(default_factory=dict)
    trials: int = 20
    seeds: int = 1
    seed: int = 0
    sampler: Literal["auto", "optuna", "grid"] = "auto"
    loss: float | None = None
    relative_loss: float = 0.1

    def __post_init__(self) -> None:
        self._config()  # so that a recipe with a wrong space is refused before anything runs

    def outside(self) -> dict[str, Any]:
        return {"sampler": sampler_of(self.sampler)}

    def run(self, work: Work) -> dict[str, Any]:
        task: Task = work.inputs["task"]
        config = self._config()
        universe = self.universe or PRESETS[self.preset].universe
        given = work.inputs["model"], task.train, task.validation
        common: dict[str, Any] = {
            "config": config,
            "storage": work.folder / "sweep",
            "progress": work.progress,
        }
        if universe == EDGES:
            found = sweep_edges(*given, **common)
        else:
            found = sweep_masks(*given, universe, means=work.inputs["means"], **common)
        limit = self.loss if self.loss is not None else found.limit(self.relative_loss)
        chosen = found.best(loss=limit)
        scores = found.scores(chosen)
        scores.with_origin(
            preset=self.preset,
            task=task.name,
            task_config=dict(task.config),
            first_tokens=task.first_tokens,
            sweep={"trial": _flat(chosen), "trials": len(found.trials), "limit": limit},
        ).save(work.folder)
        return {
            "method": f"sweep of {self.preset}",
            "split": task.train.name,
            "n": len(task.train),
            "measured_on": task.validation.name,
            "universe": universe,
            "edges" if universe == EDGES else "nodes": scores.universe.size,
            "replacement": config.base.replacement,
            "objective": config.base.objective,
            "limit": limit,
        } | _numbers(found, chosen)

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Scores | EdgeScores:
        return open_scores(folder)

    def _config(self) -> SweepConfig:
        """What to vary, and the preset with what is set in its place.

        Raises:
            RecipeError: there is no such preset or setting, or something that is to be a number is
                none.
        """
        if self.preset not in PRESETS:
            raise RecipeError(f"unknown preset {self.preset!r}: {nearest(self.preset, PRESETS)}")
        base: MaskConfig = PRESETS[self.preset].config
        given = {"replacement": self.replacement, "objective": self.objective}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value}
        if self.weights:
            weights = {part: float(_number(part, weight)) for part, weight in self.weights.items()}
            size = base.size if isinstance(base.size, Penalty) else Penalty()
            changes["size"] = replace(size, weights=weights)
        start = {name: _number(name, value) for name, value in self.start.items()}
        base = with_settings(replace(base, **changes), start)
        space = {name: _bounds(name, bounds) for name, bounds in self.space.items()}
        return SweepConfig(
            base=base,
            space=space or around(base, SPREAD[self.preset]),
            trials=self.trials,
            seeds=self.seeds,
            seed=self.seed,
            sampler=self.sampler,
        )


def _bounds(name: str, bounds: Any) -> list[int | float]:
    if not isinstance(bounds, list | tuple):
        raise RecipeError(f"space: {name} needs [least, largest], not {bounds!r}")
    return [_number(name, bound) for bound in bounds]


def _number(name: str, value: Any) -> int | float:
    """A number; YAML takes 1e-3 (without a point) for a word."""
    try:
        return value if isinstance(value, int) else float(value)
    except (TypeError, ValueError) as error:
        raise RecipeError(f"{name} needs a number, not {value!r}") from error


def _numbers(found: Found, chosen: Trial) -> dict[str, Any]:
    """Every number of a sweep, the chosen trial's first."""
    return asdict(chosen) | {
        "sampler": found.sampler,
        "full_loss": found.full,
        "empty_loss": found.empty,
        "front": [_flat(trial) for trial in found.front],
        "trials": [_flat(trial) for trial in found.trials],
        "failed": [asdict(row) for row in found.failed],
    }


def _flat(trial: Trial) -> dict[str, Any]:
    row = asdict(trial)
    return row | row.pop("settings")
