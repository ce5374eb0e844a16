"""LoRA on worked solutions: the baseline of paper 2."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..checkpoint import train
from ..models import Model
from ..reasoning import ProblemSplit, ReasoningTask
from ..reshape import Change
from ._improving import Evaluate
from ._lora_config import LoraTuning
from ._lora_trainer import LoraTrainer
from ._rates import Progress, Swept, swept
from ._updated import Updated

LORA_RATES = (3e-6, 5e-6, 1e-5, 2e-5, 3e-5, 5e-5, 1e-4, 3e-4)
"""The paper's candidates: those of its table 6, whose results it reports; table 5 names four."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Tuned(Updated):
    """What a tuning gives: what an update does, and what it merged.

    The curve has `loss`, `gradient` (its norm) and `learning_rate` by step.

    Attributes:
        change: the products that were merged, a far smaller file than `delta()`, since every
            number of every projection differs.
    """

    change: Change


def lora(
    model: Model,
    task: ReasoningTask,
    config: LoraTuning | None = None,
    *,
    split: ProblemSplit | None = None,
    evaluate: Evaluate | None = None,
    base_score: float | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Tuned:
    """Tune an adapter on a task's worked solutions, and merge it into plain weights.

    The model itself stays as it is. A model that is not in float32 is tuned in float32, as by
    `update`. Prompts are read and solutions learned: the loss is the mean over all their tokens.
    The model's own dropout stays off; the adapter's is on in training alone.

    Args:
        model: the base.
        task: the problems and how they are put to the model.
        config: how; or its fields as keyword arguments.
        split: the problems to learn from; `task.train` by default.
        evaluate: a score of a model, the higher the better, such as accuracy on a validation
            split (`solves`). The base and the model after every `every` steps and after the last
            are candidates; the best is kept, of equals the earliest. Without it the last is.
        base_score: of the base, where it is known.
        checkpoint: a file to go on from and to save to.
        progress: called with the steps done and all of them.

    Raises:
        AmplifyError: no problems, one that is too long, a score that is no number, or a loss that
            is not finite at the first step (without `evaluate`, at any).
        ReshapeError: the rank is above that of a projection.
        TaskError: the tokenizer merges the end of a prompt with the start of a solution.
        RunError: the checkpoint is damaged, or of another tuning.

    Source: paper 2, section 4.3 and table 5; Hu et al. 2022.
    """
    config = config or LoraTuning(**options)
    trainer = LoraTrainer(model, task, task.train if split is None else split, config, evaluate)
    if base_score is not None:
        trainer.scores[0] = base_score
    train(
        trainer,
        trainer.steps,
        checkpoint=checkpoint,
        save_every=config.save_every,
        progress=progress,
        settled=lambda: trainer.diverged is not None,
    )
    change = trainer.finish()
    return Tuned(
        model=trainer.merged,
        base=trainer.base,
        step=trainer.kept,
        scores=trainer.scores,
        curve=trainer.curve,
        diverged=trainer.diverged,
        origin=trainer.origin(),
        change=change,
    )


def lora_sweep(
    model: Model,
    task: ReasoningTask,
    config: LoraTuning,
    *,
    evaluate: Evaluate,
    split: ProblemSplit | None = None,
    rates: Sequence[float] = LORA_RATES,
    base_score: float | None = None,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> Swept[Tuned]:
    """`lora` at several learning rates; the base is evaluated once.

    Args:
        model, task, config, evaluate, split, base_score: as for `lora`.
        rates: learning rates.
        checkpoints: a folder for one checkpoint a rate.
        progress: called with the steps done and all of them, over all rates.

    Raises:
        AmplifyError, ReshapeError, TaskError, RunError: as `lora` does.
    """

    def run(rate: float, more: dict[str, Any]) -> Tuned:
        at = replace(config, learning_rate=rate)
        return lora(model, task, at, split=split, evaluate=evaluate, **more)

    return swept(run, rates, base_score=base_score, checkpoints=checkpoints, progress=progress)
