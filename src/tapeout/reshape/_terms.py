"""The terms of the loss that reads the whole model."""

import torch
from torch import Tensor

from ..models import Model
from ..tasks import LOG_LIKELIHOOD, Batch, Loss, Shuffled, Split
from ._config import Conditioning


class OnTask:
    """Cross-entropy on the task, and how far the model has moved from the base there."""

    def __init__(self, base: Model, model: Model, split: Split, config: Conditioning) -> None:
        self.model, self.config = model, config
        self.batches = Shuffled(list(split.batches(config.batch_size)), config.seed)
        self.distance = Loss(base, "kl")

    def losses(self, step: int) -> dict[str, Tensor]:
        """`ce` and `kl`, those of them that have a weight; means over rows and tokens."""
        c, batch = self.config, self.batches.at(step)
        logits = self.model.logits(batch.tokens, keep=batch.answer_length)
        losses = {}
        if c.ce:
            losses["ce"] = _cross_entropy(logits, batch, c.supervise)
        if c.kl:
            losses["kl"] = self.distance.of(logits, batch).mean() / batch.answer_length
        return losses


class Anchor:
    """How far the model has moved from the base elsewhere, on all splits in every step."""

    def __init__(
        self, base: Model, model: Model, splits: list[Split], config: Conditioning
    ) -> None:
        self.model = model
        self.splits = [
            (Shuffled(list(split.batches(config.anchor_batch)), config.seed + 2), Loss(base, "kl"))
            for split in splits
        ]

    def losses(self, step: int) -> dict[str, Tensor]:
        """KL from the base, mean over the splits, and over rows and tokens of each."""
        losses = []
        for batches, distance in self.splits:
            batch = batches.at(step)
            logits = self.model.logits(batch.tokens, keep=batch.answer_length)
            losses.append(distance.of(logits, batch).mean() / batch.answer_length)
        return {"anchor": torch.stack(losses).mean()}


def _cross_entropy(logits: Tensor, batch: Batch, supervise: str) -> Tensor:
    if supervise == "answer":
        return -LOG_LIKELIHOOD.of(logits, batch).mean() / batch.answer_length
    end = batch.answers[:, -1].to(logits.device)
    return torch.nn.functional.cross_entropy(logits[:, -1].float(), end)
