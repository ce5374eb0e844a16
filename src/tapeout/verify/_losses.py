"""The losses that a circuit can be sized or calibrated by."""

from typing import Literal

import torch
from torch import Tensor

from ..errors import TaskError, nearest
from ..models import Model
from ..tasks import OBJECTIVES, Batch, Metric

LossObjective = Literal["kl", "task", "candidates"]
DEFINITIONS: dict[str, str] = {
    "kl": "KL from the full model's next-token distribution, summed over the answer, in nats",
    "task": "cross-entropy of the right answer over the whole vocabulary, in nats",
    "candidates": "cross-entropy of the right tokens among right tokens and foils, in nats",
}
BUDGET = 2**30
"""Bytes of the full model's log probabilities that are kept between circuits."""


class Loss:
    """A loss per example on one split; for KL, the full model runs once for all circuits."""

    def __init__(self, model: Model, objective: str) -> None:
        if objective not in DEFINITIONS:
            raise TaskError(f"unknown objective {objective!r}: {nearest(objective, DEFINITIONS)}")
        self.model, self.objective = model, objective
        self._full: dict[tuple[int, ...], Tensor] = {}
        self._bytes = 0

    @property
    def metric(self) -> Metric:
        return Metric("loss", DEFINITIONS[self.objective], self.of)

    def of(self, logits: Tensor, batch: Batch) -> Tensor:
        """One loss per row, differentiable by the logits, shape [rows, answer_length, vocab]."""
        return OBJECTIVES[self.objective](logits, batch, self.target(batch))

    def target(self, batch: Batch) -> Tensor:
        """The full model's log probabilities at the answer; empty but for KL."""
        if self.objective != "kl":
            return torch.empty(0)
        key = tuple(batch.rows.tolist())
        if key in self._full:
            return self._full[key]
        with torch.no_grad():
            logits = self.model.logits(batch.tokens, keep=batch.answer_length)
        full = logits.float().log_softmax(-1)
        if self._bytes + full.nbytes <= BUDGET:
            self._bytes += full.nbytes
            self._full[key] = full
        return full
