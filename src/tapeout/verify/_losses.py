"""The losses that a circuit can be sized or calibrated by: those with a bound."""

from typing import Literal

from ..errors import TaskError, nearest
from ..models import Model
from ..tasks import Loss, Metric

LossObjective = Literal["kl", "task", "candidates"]
"""Objectives that circuits can be sized by."""

DEFINITIONS: dict[str, str] = {
    "kl": "KL from the full model's next-token distribution, summed over the answer, in nats",
    "task": "cross-entropy of the right answer over the whole vocabulary, in nats",
    "candidates": "cross-entropy of the right tokens among right tokens and foils, in nats",
}


def bounded_loss(model: Model, objective: str) -> Loss:
    """The loss of that name.

    Raises:
        TaskError: there is no such loss, or it has no bound.
    """
    if objective not in DEFINITIONS:
        raise TaskError(f"unknown objective {objective!r}: {nearest(objective, DEFINITIONS)}")
    return Loss(model, objective)


def metric_of(loss: Loss) -> Metric:
    """The loss as a metric that `evaluate` measures, under the name `loss`."""
    return Metric("loss", DEFINITIONS[loss.objective], loss.of)
