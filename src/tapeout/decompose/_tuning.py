"""Fine-tuning in the span of chosen directions (paper 4, its open extension)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..checkpoint import resume_training, save_training, train
from ..errors import DecomposeError, nearest
from ..models import Model
from ..reshape import Change
from ..tasks import OBJECTIVES, Loss, Shuffled, Split
from ._decomposition import Decomposition
from ._directions import Directions
from ._meant import check_model, chosen_of
from ._span import Span, change_along

SpanLoss = Callable[[Any, int], Tensor]
"""From the moved model, a handle or a module as was given, and the number of the step to a loss."""


@dataclass(frozen=True, kw_only=True)
class SpanTuning:
    """How coefficients of directions are trained.

    Attributes:
        objective: of a task's split: `task` (cross-entropy of the right answer), `candidates`,
            `logit_difference` or `kl`, see `tasks.Loss`.
        steps: updates.
        batch_size: examples of an update.
        learning_rate: of Adam, as a part of the norm of the weights that move; it falls to 0.
        seed: of the order of the batches.
        save_every: steps between checkpoints.

    Raises:
        DecomposeError: a value that makes no sense.
    """

    objective: str = "task"
    steps: int = 200
    batch_size: int = 32
    learning_rate: float = 1e-3
    seed: int = 0
    save_every: int = 50

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "save_every"):
            if getattr(self, name) < 1:
                raise DecomposeError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise DecomposeError(f"learning_rate must be above 0, not {self.learning_rate}")
        if self.objective not in OBJECTIVES:
            hint = nearest(self.objective, OBJECTIVES)
            raise DecomposeError(f"no objective {self.objective!r}: {hint}")


@dataclass(frozen=True, kw_only=True, eq=False)
class SpanTuned:
    """What tuning in a span gives.

    Attributes:
        amounts: place of a direction -> its coefficient, as `moved` takes them.
        curve: by step, before it was taken: `loss`, and `moved`, how far the weights are from the
            base, as a part of their norm.
        origin: how it came about; plain values.
    """

    amounts: dict[int, float]
    curve: list[dict[str, float]]
    origin: dict[str, Any] = field(repr=False)
    of_model: Change | None = field(default=None, repr=False)

    @property
    def change(self) -> Change:
        """The difference of weights; `change.applied(model)` is the tuned model.

        Raises:
            DecomposeError: it is no language model that was tuned.
        """
        if self.of_model is None:
            raise DecomposeError(
                "changes are of language models: move a module with moved(module, directions, "
                "amounts)"
            )
        return self.of_model


def tune_in_span(
    model: nn.Module | Model,
    found: Decomposition | Directions,
    loss: Split | SpanLoss,
    *,
    chosen: Sequence[int] | None = None,
    config: SpanTuning | None = None,
    checkpoint: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> SpanTuned:
    """Train a model's weights in the span of directions: c alone, in W + sum of c times v.

    The model itself stays as it is.

    Args:
        model: a language model, or any module.
        found: directions, each of norm 1.
        loss: a split, whose examples a language model is trained on by the config's objective; or
            any function of the moved model and the step that gives a number with gradients.
        chosen: places of directions; None for all, of a decomposition for those that are alive.
        config: how; or its fields as keyword arguments.
        checkpoint: a file to go on from and to save to, as the training goes.
        progress: called with the steps done and all of them.

    Raises:
        DecomposeError: nothing chosen, directions of another model, a split for a module that is no
            language model, a setting that makes no sense, or a loss that is not finite.
        TaskError: an objective that the examples do not serve.
        RunError: the checkpoint is damaged, or of another training.
    """
    config = config or SpanTuning(**options)
    if isinstance(model, Model):
        check_model(found, model)
    tuner = SpanTuner(model, found, loss, chosen, config)
    train(
        tuner, config.steps, checkpoint=checkpoint, save_every=config.save_every, progress=progress
    )
    return tuner.result()


class SpanTuner:
    """A tuning under way.

    Args:
        model, found, loss, chosen, config: see `tune_in_span`.

    Raises:
        DecomposeError, TaskError: as `tune_in_span` does.
    """

    def __init__(
        self,
        model: nn.Module | Model,
        found: Decomposition | Directions,
        loss: Split | SpanLoss,
        chosen: Sequence[int] | None,
        config: SpanTuning,
    ) -> None:
        self.base, self.config = model, config
        self.directions, self.places = chosen_of(found, chosen)
        self.span = Span(model, self.directions)
        self.split = loss if isinstance(loss, Split) else None
        self.loss = self._on_split(model, loss) if isinstance(loss, Split) else loss
        self.gram = self.directions.gram().to(self.span.coefficients.device)
        self.norm = self._norm(model)
        self.optimizer = torch.optim.Adam([self.span.coefficients], lr=config.learning_rate)
        self.step = 0
        self.curve: list[dict[str, float]] = []

    def _on_split(self, model: nn.Module | Model, split: Split) -> SpanLoss:
        if not isinstance(model, Model):
            raise DecomposeError(
                "a split trains a language model (tapeout.load): give a module a function of the "
                "moved module and the step that returns its loss"
            )
        batches = Shuffled(list(split.batches(self.config.batch_size)), self.config.seed)
        objective = Loss(model, self.config.objective)

        def of(moved: Model, step: int) -> Tensor:
            batch = batches.at(step)
            logits = moved.logits(batch.tokens, keep=batch.answer_length)
            return objective.of(logits, batch).mean()

        return of

    def _norm(self, model: nn.Module | Model) -> float:
        """Of the weights that directions are over."""
        module = model.hf if isinstance(model, Model) else model
        norms = [module.get_parameter(name).detach().norm() for name in self.directions.shapes]
        return float(torch.stack(norms).norm()) or 1.0

    def update(self) -> None:
        """One step.

        Raises:
            DecomposeError: the loss, or a gradient, is not finite.
        """
        self.optimizer.zero_grad()
        with torch.enable_grad():
            loss = self.loss(self.span.model, self.step)
        if not bool(torch.isfinite(loss)):
            raise DecomposeError(
                f"the loss is {loss.item()} at step {self.step}: lower the learning rate, or check "
                "the model for NaN"
            )
        if not loss.requires_grad:
            raise DecomposeError(
                "the loss does not depend on the directions' weights: compute it from the model "
                "that it is given, with gradients"
            )
        loss.backward()
        self._check()
        far = self.span.coefficients.detach()
        moved = float((far @ self.gram @ far).clamp(min=0).sqrt()) / self.norm
        self.curve.append({"loss": loss.item(), "moved": moved})
        rate = self.config.learning_rate * self.norm
        self.optimizer.param_groups[0]["lr"] = rate * (1 - self.step / self.config.steps)
        self.optimizer.step()
        self.step += 1

    def _check(self) -> None:
        slopes = self.span.coefficients.grad
        if slopes is not None and not bool(slopes.isfinite().all()):
            place = self.places[int((~slopes.isfinite()).nonzero()[0])]
            raise DecomposeError(
                f"the gradient along direction {place} is not finite at step {self.step}: look at "
                "what the model says of its batch"
            )

    def result(self) -> SpanTuned:
        """What the training has come to."""
        amounts = dict(zip(self.places, self.span.coefficients.tolist(), strict=True))
        origin = {
            "method": "span",
            "config": asdict(self.config),
            "split": self.split.name if self.split else "",
            "n": len(self.split) if self.split else 0,
            "directions": self.places,
            "amounts": list(amounts.values()),
            "steps": self.step,
        }
        change = None
        if isinstance(self.base, Model):
            own = dict(enumerate(amounts.values()))
            change = change_along(self.base, self.directions, own, origin=origin)
        return SpanTuned(amounts=amounts, curve=self.curve, origin=origin, of_model=change)

    def save(self, path: Path) -> None:
        """Write all that the training needs to go on."""
        plain = {"step": self.step, "curve": self.curve}
        save_training(path, self._tensors(), plain, self.optimizer, marks=self._about())

    def resume(self, path: Path) -> None:
        """Go on from `save`.

        Raises:
            RunError: the file is damaged, or of another training.
        """
        plain = resume_training(path, self._tensors(), self.optimizer, marks=self._about())
        self.step, self.curve = plain["step"], plain["curve"]

    def _tensors(self) -> dict[str, Tensor]:
        return {"coefficients": self.span.coefficients}

    def _about(self) -> dict[str, Any]:
        split = self.split.name if self.split else ""
        return {"config": asdict(self.config), "directions": self.places, "split": split}
