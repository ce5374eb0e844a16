"""What a settled mask loses on examples that it was not trained on."""

import torch
from jaxtyping import Bool
from torch import Tensor

from ...tasks import OBJECTIVES, Batch, Split
from ._subjects import Edges, Subject


class Judge:
    """The objective of a split under gates that are open or closed.

    Args:
        subject: nodes or edges of a model, and their replacement.
        split: the examples, as a rule `task.validation`.
        objective: its name, as in `MaskConfig`.
        batch_size: examples per forward.
    """

    def __init__(self, subject: Subject, split: Split, objective: str, batch_size: int) -> None:
        self.subject, self.objective, self.count = subject, OBJECTIVES[objective], len(split)
        self.batches = subject.batches(split, batch_size)
        self.full = [torch.empty(0)] * len(self.batches)
        if objective == "kl":
            with torch.no_grad(), subject.model.frozen():
                self.full = [self._full(batch) for batch in self.batches]

    def loss(self, kept: Bool[Tensor, " gates"]) -> float:
        """Mean over the examples, in nats (in logits for `logit_difference`).

        Raises:
            TaskError: an example lacks what the objective needs.
        """
        # edges are mixed by numbers; nodes keep what a boolean gate keeps to the last bit
        gates = kept.float() if isinstance(self.subject, Edges) else kept
        total = 0.0
        with torch.no_grad(), self.subject.model.frozen():
            for batch, full in zip(self.batches, self.full, strict=True):
                logits = self.subject.logits(batch, gates)
                total += float(self.objective(logits, batch, full).sum())
        return total / self.count

    def ends(self) -> tuple[float, float]:
        """The loss with every gate open, and with every gate closed."""
        gates = torch.ones(self.subject.size, dtype=torch.bool)
        return self.loss(gates), self.loss(~gates)

    def _full(self, batch: Batch) -> Tensor:
        logits = self.subject.model.logits(batch.tokens, keep=batch.answer_length)
        return logits.float().log_softmax(-1)
