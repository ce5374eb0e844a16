"""A training that keeps the weights which score best, and that can be killed."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from ..checkpoint import resume_training, save_training
from ..errors import AmplifyError
from ..models import Model

Evaluate = Callable[[Model], float]
"""How good a model is, the higher the better: by this, rates and steps are chosen. Minus infinity
is of a model that may not be kept."""


class Improving(ABC):
    """What targeted updates and tunings share: scores, the best weights, checkpoints.

    Attributes:
        values: what is trained.
        best: the values that scored best; those of the start count too.
        step, kept: steps done, and the one that `best` is of.
        diverged: the step at which loss or gradient was no longer finite, if one was.
        curve: an entry a step.
        scores: step -> score.
    """

    def __init__(
        self,
        values: Mapping[str, Tensor],
        optimizer: torch.optim.Optimizer,
        evaluate: Evaluate | None,
    ) -> None:
        self.values, self.optimizer, self.evaluate = dict(values), optimizer, evaluate
        self.best = {name: value.detach().clone() for name, value in self.values.items()}
        self.step, self.kept = 0, 0
        self.diverged: int | None = None
        self.curve: list[dict[str, float]] = []
        self.scores: dict[int, float] = {}

    @abstractmethod
    def key(self) -> str:
        """What a checkpoint must be of to go on here."""

    @abstractmethod
    def due(self) -> bool:
        """Whether this step is evaluated."""

    @abstractmethod
    def subject(self) -> Model:
        """What is evaluated: the model in its present weights."""

    @abstractmethod
    def put(self, values: Mapping[str, Tensor]) -> None:
        """Train on from these values."""

    def score(self) -> None:
        """Evaluate, where it is time to, and keep the best."""
        if self.evaluate is None or not self.due():
            return
        if self.step not in self.scores:
            model = self.subject()
            with torch.no_grad(), model.frozen():
                self.scores[self.step] = float(self.evaluate(model))
        score = self.scores[self.step]
        if not math.isfinite(score) and (score != -math.inf or not self.step):
            raise AmplifyError(
                f"evaluate gave {score} at step {self.step}: it must be a number, and the model at "
                "the start one that may be kept"
            )
        if self.step and score > self.scores[self.kept]:
            self.kept = self.step
            for name, value in self.values.items():
                self.best[name].copy_(value.detach())

    def done(self, entry: dict[str, float]) -> None:
        """A step was taken: note and evaluate it."""
        self.curve.append(entry)
        self.step += 1
        self.score()

    def diverges(self, entry: Mapping[str, float]) -> bool:
        """Whether a number is no longer finite, so that no further step can be taken.

        Raises:
            AmplifyError: it is not, and there is no earlier step to keep.
        """
        if all(map(math.isfinite, entry.values())):
            return False
        self.diverged = self.step
        if self.evaluate is None or not self.step:
            raise AmplifyError(
                f"loss {entry['loss']} and gradient {entry['gradient']} at step {self.step}: "
                "lower the learning rate, or check the model for NaN"
            )
        return True

    def settle(self) -> None:
        """Leave the values that are kept: the best, or the last where nothing was evaluated."""
        if self.evaluate is None:
            self.kept = self.step
        else:
            self.put(self.best)

    def _tensors(self) -> dict[str, Tensor]:
        return self.values | {f"best.{name}": value for name, value in self.best.items()}

    def save(self, path: Path) -> None:
        """Write all that the training needs to go on."""
        plain = {"step": self.step, "curve": self.curve, "kept": self.kept}
        plain["scores"] = list(self.scores.items())
        save_training(path, self._tensors(), plain, self.optimizer, marks={"key": self.key()})

    def resume(self, path: Path) -> None:
        """Go on from `save`.

        Raises:
            RunError: the file is damaged, or of another training.
        """
        marks = {"key": self.key()}
        plain = resume_training(path, self._tensors(), self.optimizer, marks=marks)
        self.step, self.curve, self.kept = plain["step"], plain["curve"], plain["kept"]
        self.scores = {int(step): score for step, score in plain["scores"]}
        self.put(self.values)
