"""Stages that make one capability better, and the baseline that they are measured against."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ...amplify import (
    LoraTuning,
    Updated,
    Updating,
    in_float32,
    lora_sweep,
    solves,
    staying_near,
    sweep,
)
from ...errors import RecipeError
from ...models import Model, load
from ...reasoning import ProblemSplit, ReasoningTask
from ...tasks import Task
from .._stage import Stage, Work, ref, refs
from ._artifacts import CIRCUITS, MODELS, TASKS, model_facts, thinned
from ._beside import beside
from ._problems import PROBLEMS, problems_of

DELTA = "delta.safetensors"


@dataclass(frozen=True, kw_only=True)
class Better(Stage):
    """What both have: how the best is chosen, and on what it is compared with its base.

    Attributes:
        problems: the step and the learning rate are chosen by how many of their validation split
            the model solves.
        before: a `solve` of the base on those problems, which are then not solved again here.
        watched: tasks or texts on which the model is compared with its base, on their test splits.
        most_kl: nats of KL from the base, on the validation split of any of `watched`, beyond which
            a step is not kept; 0 for any distance.
        least_answered: share of the validation problems to which an answer is stated, right or
            wrong, below which a step is not kept.
        rates: learning rates to choose from; none takes `learning_rate`.
        take: only the first so many problems of the validation split; 0 takes all.
        limit, batch_size: most tokens of a solution, and problems at once.
        device: where the new model runs; empty for the GPU if there is one.
    """

    room: ClassVar[str] = "amplify"
    model: str = ref(*MODELS)
    problems: str = ref(*PROBLEMS)
    before: str = ref("solve", named=True)
    watched: tuple[str, ...] = refs(*TASKS)
    most_kl: float = 0.0
    least_answered: float = 0.0
    rates: tuple[float, ...] = ()
    take: int = 0
    limit: int = 256
    batch_size: int = 32
    learning_rate: float = 1e-3
    device: str = ""

    def __post_init__(self) -> None:
        above = getattr(super(), "__post_init__", None)
        if above is not None:
            above()
        if self.most_kl < 0 or (self.most_kl and not self.watched):
            raise RecipeError(
                f"most_kl is {self.most_kl}: it must be above 0, and is measured on other tasks or "
                "on text: name one in `watched`, or leave it out"
            )
        if not 0 <= self.least_answered <= 1:
            raise RecipeError(f"least_answered is {self.least_answered}: it is a share of problems")

    def search(self, work: Work) -> dict[str, Any]:
        """What every sweep is given: how models are scored, and where it keeps checkpoints."""
        task: ReasoningTask = work.inputs["problems"]
        checkpoints = work.folder / "checkpoints"
        checkpoints.mkdir(exist_ok=True)
        how: dict[str, Any] = {"limit": self.limit, "batch_size": self.batch_size}
        least = self.least_answered
        evaluate = solves(self._validation(work), task=task, least_answered=least, **how)
        if self.most_kl:
            others: list[Task] = work.several("watched")
            base, splits = in_float32(work.inputs["model"]), [it.validation for it in others]
            evaluate = staying_near(evaluate, base, splits, self.most_kl)
        return {
            "evaluate": evaluate,
            "base_score": self._base_score(work),
            "rates": self.rates or (self.learning_rate,),
            "checkpoints": checkpoints,
            "progress": work.progress,
        }

    def keep(self, work: Work, best: Updated, rows: list[dict[str, float]]) -> dict[str, Any]:
        """Write the new model, and say how it was chosen and what it did elsewhere."""
        best.model.save_pretrained(work.folder)
        lines = [json.dumps(entry) for entry in best.curve]
        (work.folder / "curve.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for file in (work.folder / "checkpoints").iterdir():
            file.unlink()
        (work.folder / "checkpoints").rmdir()
        validation = self._validation(work)
        others: list[Task] = work.several("watched")
        named = zip(self.watched, others, strict=True)
        source = f"{work.metrics['model']['source']}, {self.kind}"
        return model_facts(best.model, source) | {
            "split": validation.name,
            "n": len(validation),
            "step": best.step,
            "base_score": best.scores[0],
            "score": best.scores[best.step],
            "scores": {str(step): _finite(score) for step, score in best.scores.items()},
            "rates": rows,
            "curve": thinned(best.curve),
            "origin": best.origin,
            "others": {name: beside(best.base, best.model, other) for name, other in named},
        }

    def _base_score(self, work: Work) -> float | None:
        if not self.before:
            return None
        solved, split = work.metrics["before"], self._validation(work)
        own = in_float32(work.inputs["model"]).fingerprint.weights
        wanted = {"split": split.name, "n": len(split), "limit": self.limit, "weights": own}
        if wrong := [key for key, value in wanted.items() if solved[key] != value]:
            raise RecipeError(
                f"{self.before} says what {'another model' if 'weights' in wrong else 'the base'} "
                f"solves of {solved['split']} (n = {solved['n']}, limit {solved['limit']}); this "
                f"needs the base's of {split.name} (n = {len(split)}, limit {self.limit}): name "
                "such a stage, or leave `before` out"
            )
        if (stated := solved["answered"]["value"]) < self.least_answered:
            raise RecipeError(
                f"the base itself states an answer to {stated:.1%} of {solved['split']}: choose a "
                f"least_answered below {self.least_answered:g}, or a larger limit"
            )
        return solved["accuracy"]["value"]

    def _validation(self, work: Work) -> ProblemSplit:
        return problems_of(work.inputs["problems"], "validation", self.take)

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Model:
        return load(folder, device=self.device or None)


@dataclass(frozen=True, kw_only=True)
class Amplify(Better, Updating):
    """A model that writes the desired tokens more, by an update of a circuit's weights alone.

    Attributes:
        circuit: its components; left empty every parameter is updated (a control).
    """

    kind: ClassVar[str] = "amplify"
    pivots: str = ref("pivots")
    circuit: str = ref(*CIRCUITS, named=True)

    def run(self, work: Work) -> dict[str, Any]:
        base: Model = work.inputs["model"]
        pairs, circuit = work.inputs["pivots"], work.inputs["circuit"]
        found = sweep(base, pairs, circuit, self.part(Updating), **self.search(work))
        delta = found.best.delta()
        delta.save(work.folder / DELTA)
        return self.keep(work, found.best, found.rows) | {"delta": delta.info()}


@dataclass(frozen=True, kw_only=True)
class Tune(Better, LoraTuning):
    """A model whose low-rank adapter was tuned on the worked solutions of the train split.

    Attributes:
        learn: only the first so many problems of the train split; 0 takes all.
    """

    kind: ClassVar[str] = "tune"
    learning_rate: float = 5e-5
    learn: int = 0

    def run(self, work: Work) -> dict[str, Any]:
        task: ReasoningTask = work.inputs["problems"]
        learned = problems_of(task, "train", self.learn)
        base = in_float32(work.inputs["model"])
        config = self.part(LoraTuning)
        found = lora_sweep(base, task, config, split=learned, **self.search(work))
        found.best.change.save(work.folder / "change")
        return self.keep(work, found.best, found.rows) | {"train": learned.name}


def _finite(score: float) -> float | None:
    """What JSON can hold: a step that went too far has no score."""
    return score if math.isfinite(score) else None
