"""Sweeps: many masks of one task with other settings, size against loss."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ...circuits import Universe
from ...errors import CircuitError, RecipeError, TaskError
from ...interventions import Mean, edges_of
from ...models import Model
from ...tasks import Split
from ._config import MaskConfig
from ._judge import Judge
from ._learner import LearnedEdges, LearnedMask, Progress, learn_edges, learn_mask
from ._log import Log
from ._presets import EDGES
from ._propose import Sampler, propose, sampler_of
from ._space import Settings, Space, axes_of, with_settings
from ._subjects import Edges, Subject, nodes_of
from ._trials import Failure, Sweep, Trial, place_of

SCHEMA_VERSION = 1
TICKS = 100
"""Units of progress in a trial, since trials may differ in their number of steps."""

Learn = Callable[[MaskConfig, Path, Progress], LearnedMask | LearnedEdges]


@dataclass(frozen=True, kw_only=True)
class SweepConfig:
    """What to vary and how often.

    Attributes:
        base: the settings of every mask but for what is varied, and where the search starts.
        space: setting -> its least and its largest value, see `axes_of`; `around(base, ...)` makes
            one. Settings are the numbers of the config, of its gate and of its size control.
        trials: how many settings to try.
        seeds: how many masks to learn under each; the search goes by their means.
        seed: of the search, and the first of the masks' seeds.
        sampler: `optuna` (tree-structured Parzen estimator for two objectives), `grid`, or `auto`:
            Optuna where it is installed.
    """

    base: MaskConfig = field(default_factory=MaskConfig)
    space: Space = field(default_factory=dict)
    trials: int = 20
    seeds: int = 1
    seed: int = 0
    sampler: Literal["auto", "optuna", "grid"] = "auto"

    def __post_init__(self) -> None:
        axes_of(self.base, self.space)
        if self.trials < 1 or self.seeds < 1:
            raise RecipeError("a sweep needs at least one trial and one seed")
        if self.trials > 1 and not self.space:
            raise RecipeError("a sweep of several trials needs a space: which settings to vary")


def sweep_masks(
    model: Model,
    train: Split,
    validation: Split,
    universe: str | Universe = "mlp.post_act, attn.z:head",
    *,
    storage: Path,
    means: Mean | None = None,
    config: SweepConfig | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Sweep:
    """Learn masks of nodes under many settings, and measure the size and the loss of each.

    Every mask is learned on `train` and measured on `validation` as the circuit that it is in the
    end (gates open or closed), under the replacement and the objective that it was trained with.
    Each finished mask is on disk at once, so that a sweep that was killed goes on with the mask
    that was in training, gives what it would have given, and can be prolonged by more trials.

    Args:
        model: the model; it is not changed.
        train, validation: the examples.
        universe: the nodes.
        storage: a folder; what an earlier call with the same arguments found there is kept.
        means: what `replacement="mean"` stands for.
        config: what to vary; or its fields as keyword arguments.
        progress: called with what is done and all there is, in hundredths of a mask.

    Raises:
        TaskError: the examples lack what objective or replacement needs, or already the settings
            where the search starts cannot be learned.
        CircuitError: the universe does not exist in this model.
        InterventionError: mean replacement without means.
        RecipeError: there is no such setting, or its bounds are none.
        RunError: the storage is of another sweep or cannot be written; or Optuna is missing.

    Source: the search over pruning's settings of weight-sparse transformers, A.5.
    """
    config = config or SweepConfig(**options)

    def learn(mask: MaskConfig, checkpoint: Path, on: Progress) -> LearnedMask:
        given = {"means": means, "config": mask, "checkpoint": checkpoint, "progress": on}
        return learn_mask(model, train, universe, **given)

    subject = nodes_of(model, universe, config.base, means)
    about = _about(config, subject, train, validation, means)
    judge = Judge(subject, validation, config.base.objective, config.base.batch_size)
    return _Running(config, learn, judge, Log(storage, about), progress).sweep()


def sweep_edges(
    model: Model,
    train: Split,
    validation: Split,
    *,
    storage: Path,
    config: SweepConfig | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Sweep:
    """Learn masks of edges under many settings; see `sweep_masks`.

    Raises:
        TaskError, RecipeError, RunError: as there.
        CircuitError: the family has no edges of heads.
    """
    config = config or SweepConfig(**options)

    def learn(mask: MaskConfig, checkpoint: Path, on: Progress) -> LearnedEdges:
        return learn_edges(model, train, config=mask, checkpoint=checkpoint, progress=on)

    subject = Edges(model, edges_of(model))
    about = _about(config, subject, train, validation, None)
    judge = Judge(subject, validation, config.base.objective, config.base.batch_size)
    return _Running(config, learn, judge, Log(storage, about), progress).sweep()


class _Running:
    """A sweep at work."""

    def __init__(
        self, config: SweepConfig, learn: Learn, judge: Judge, log: Log, progress: Progress | None
    ) -> None:
        self.config, self.learn, self.judge, self.log = config, learn, judge, log
        self.progress, self.done = progress, 0
        self.sampler: Sampler = sampler_of(config.sampler)

    def sweep(self) -> Sweep:
        """Whatever is not in the log yet, then all of it."""
        config, axes, tried = self.config, axes_of(self.config.base, self.config.space), []
        full, empty = self.judge.ends()
        seeds = range(config.seed, config.seed + config.seeds)
        for number in range(config.trials):
            past = self.log.tried(number)
            settings = past.settings if past else propose(self.sampler, axes, tried, config.seed)
            if settings is None:
                break
            for seed in seeds:
                if (number, seed) not in self.log.rows:
                    self.log.add(self._row(number, seed, settings))
                self.done += TICKS
                place = place_of(self.log.folder, number, seed)
                (place / "training.safetensors").unlink(missing_ok=True)
            past = self.log.tried(number)
            assert past is not None
            tried.append(past)
        rows = [self.log.rows[number, seed] for number in range(len(tried)) for seed in seeds]
        return Sweep(
            folder=self.log.folder,
            trials=[row for row in rows if isinstance(row, Trial)],
            failed=[row for row in rows if isinstance(row, Failure)],
            full=full,
            empty=empty,
            sampler=self.sampler,
        )

    def _row(self, number: int, seed: int, settings: Settings) -> Trial | Failure:
        place = place_of(self.log.folder, number, seed)
        place.mkdir(exist_ok=True)
        config = replace(with_settings(self.config.base, settings), seed=seed)
        try:
            found = self.learn(config, place / "training.safetensors", self._step)
        except (TaskError, CircuitError) as error:
            if number == 0:  # then nothing near it can be expected to work
                raise
            return Failure(number=number, seed=seed, settings=settings, failed=str(error))
        found.scores.save(place)
        return Trial(
            number=number,
            seed=seed,
            settings=settings,
            steps=len(found.curve),
            size=found.circuit.size,
            share=found.circuit.share,
            loss=self.judge.loss(found.circuit.kept),
        )

    def _step(self, done: int, steps: int) -> None:
        if self.progress is not None:
            total = TICKS * self.config.trials * self.config.seeds
            self.progress(self.done + TICKS * done // steps, total)


def _about(
    config: SweepConfig, subject: Subject, train: Split, validation: Split, means: Mean | None
) -> dict[str, Any]:
    """All that a trial depends on, but not how many there are to be."""
    base = config.base
    parts = {part: getattr(base, part) for part in ("gate", "size")}
    named = {part: {"name": value.name} | asdict(value) for part, value in parts.items()}
    about = {
        "schema_version": SCHEMA_VERSION,
        "base": asdict(base) | named,
        "space": {name: list(bounds) for name, bounds in config.space.items()},
        "seed": config.seed,
        "seeds": config.seeds,
        "sampler": sampler_of(config.sampler),
        "model": subject.model.fingerprint.weights,
        "universe": EDGES if isinstance(subject, Edges) else subject.universe.spec,
        "train": _digest(train),
        "validation": _digest(validation),
    }
    if base.replacement == "mean" and means is not None:
        digest = hashlib.sha256()
        for _, value in sorted(means.values.items()):
            digest.update(value.cpu().contiguous().numpy().tobytes())
        about["means"] = digest.hexdigest()[:16]
    return about


def _digest(split: Split) -> str:
    lines = [json.dumps(asdict(example), sort_keys=True) for example in split.examples]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
