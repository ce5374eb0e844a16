"""Which metric a method differentiates."""

import torch
from torch import Tensor

from ..errors import TaskError, nearest
from ..tasks import (
    LOG_LIKELIHOOD,
    LOGIT_DIFFERENCE,
    PROBABILITY_DIFFERENCE,
    Batch,
    Metric,
    Split,
)


def _to_itself(logits: Tensor, batch: Batch) -> Tensor:
    raise TaskError("kl compares with the clean run; it is computed where that run is at hand")


NEGATIVE_KL = Metric("kl", "minus KL from the clean run's next-token distribution", _to_itself)

BY_NAME = {
    metric.name: metric
    for metric in (LOGIT_DIFFERENCE, PROBABILITY_DIFFERENCE, LOG_LIKELIHOOD, NEGATIVE_KL)
}


def resolve(metric: Metric | str | None, split: Split) -> Metric:
    """The metric meant: by name, or what suits the examples.

    Raises:
        TaskError: there is no metric of that name.
    """
    if isinstance(metric, Metric):
        return metric
    if metric is not None:
        if metric not in BY_NAME:
            raise TaskError(f"unknown metric {metric!r}: {nearest(metric, BY_NAME)}")
        return BY_NAME[metric]
    contrastive = all(item.foils and len(item.answers[0]) == 1 for item in split.encoded)
    return LOGIT_DIFFERENCE if contrastive else LOG_LIKELIHOOD


def minus_kl(logits: Tensor, target: Tensor) -> Tensor:
    """-KL(target || softmax(logits)), summed over rows and positions; `target` is in logs."""
    logp = logits.float().log_softmax(-1)
    return torch.sum(target.exp() * (logp - target))
