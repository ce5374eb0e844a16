"""What masks are trained to keep and circuits are sized by: a loss per example from its logits."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ._batch import Batch
from ._metrics import LOG_LIKELIHOOD, LOGIT_DIFFERENCE, single_token

Objective = Callable[[Tensor, Batch, Tensor], Tensor]
"""From logits [rows, length, vocab], the batch, and the full model's log probabilities of the same
shape (empty but for `kl`) to one loss per row."""


def kl(logits: Tensor, batch: Batch, full: Tensor) -> Float[Tensor, " rows"]:
    """KL from the full model's next-token distribution, summed over the answer, in nats."""
    own = logits.float().log_softmax(-1)
    return (full.exp() * (full - own)).sum(dim=(-1, -2))


def task(logits: Tensor, batch: Batch, full: Tensor) -> Float[Tensor, " rows"]:
    """Cross-entropy of the right answer over the whole vocabulary."""
    return -LOG_LIKELIHOOD.of(logits, batch)


def candidates(logits: Tensor, batch: Batch, full: Tensor) -> Float[Tensor, " rows"]:
    """Cross-entropy of the right tokens among right tokens and foils alone.

    Raises:
        TaskError: an answer has several tokens, or an example no foil: the loss would be 0 always.
    """
    single_token(batch, "candidates", instead="the objective task")
    right, wrong = (_chosen(logits[:, 0], ids) for ids in (batch.accepted, batch.foils))
    total = torch.cat([right, wrong], dim=-1).logsumexp(dim=-1)
    return total - right.logsumexp(dim=-1)


def logit_difference(logits: Tensor, batch: Batch, full: Tensor) -> Float[Tensor, " rows"]:
    """Minus the logit difference; without a bound."""
    return -LOGIT_DIFFERENCE.of(logits, batch)


def _chosen(values: Tensor, ids: Tensor) -> Float[Tensor, "rows most"]:
    ids = ids.to(values.device)
    picked = values.float().gather(-1, ids.clamp(min=0))
    return picked.masked_fill(ids < 0, float("-inf"))


OBJECTIVES: dict[str, Objective] = {
    "kl": kl,
    "task": task,
    "candidates": candidates,
    "logit_difference": logit_difference,
}
"""By name: what masks are learned by, and circuits sized by."""
