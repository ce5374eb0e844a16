"""What a settled mask loses on examples that it was not trained on."""

import torch
from jaxtyping import Bool
from torch import Tensor

from ...tasks import Loss, Split
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
        self.subject, self.count = subject, len(split)
        self.measured = Loss(subject.model, objective)
        self.batches = subject.batches(split, batch_size)

    def loss(self, kept: Bool[Tensor, " gates"]) -> float:
        """Mean over the examples, in nats (in logits for `logit_difference`).

        Raises:
            TaskError: an example lacks what the objective needs.
        """
        # edges are mixed by numbers; nodes keep what a boolean gate keeps to the last bit
        gates = kept.float() if isinstance(self.subject, Edges) else kept
        total = 0.0
        with torch.no_grad(), self.subject.model.frozen():
            for batch in self.batches:
                logits = self.subject.logits(batch, gates)
                total += float(self.measured.of(logits, batch).sum())
        return total / self.count

    def ends(self) -> tuple[float, float]:
        """The loss with every gate open, and with every gate closed."""
        gates = torch.ones(self.subject.size, dtype=torch.bool)
        return self.loss(gates), self.loss(~gates)
