"""An objective on the batches of a split; for KL, what the full model says is run once."""

import torch
from torch import Tensor

from ..errors import TaskError, nearest
from ..models import Model
from ._batch import Batch
from ._objectives import OBJECTIVES

BUDGET = 2**30
"""Bytes of the full model's log probabilities that are kept; what goes beyond is run again."""


class Loss:
    """One of `OBJECTIVES`, with the full model beside it.

    Raises:
        TaskError: there is no such objective.
    """

    def __init__(self, model: Model, objective: str) -> None:
        if objective not in OBJECTIVES:
            raise TaskError(f"unknown objective {objective!r}: {nearest(objective, OBJECTIVES)}")
        self.model, self.objective = model, objective
        self._full: dict[tuple[int, ...], Tensor] = {}
        self._bytes = 0

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
