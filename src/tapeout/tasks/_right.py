"""What the full model gets right."""

import torch
from jaxtyping import Bool
from torch import Tensor

from ..models import Model
from ._task import Split


def answered_right(
    model: Model, split: Split, *, batch_size: int = 64
) -> Bool[Tensor, " examples"]:
    """Whether the full model's answers are right by the split's criterion, in the split's order."""
    right = torch.zeros(len(split), dtype=torch.bool)
    with torch.no_grad(), model.frozen():
        for batch in split.batches(batch_size):
            logits = model.logits(batch.tokens, keep=batch.answer_length)
            right[batch.rows] = split.criterion.of(logits, batch).cpu()
    return right
