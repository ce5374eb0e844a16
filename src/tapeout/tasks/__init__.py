"""Tasks: examples with counterfactuals, and how an answer is scored."""

from ._batch import Batch, Partner
from ._example import Encoded, Example
from ._metrics import (
    ABOVE_FOIL,
    LOG_LIKELIHOOD,
    LOGIT_DIFFERENCE,
    PROBABILITY_DIFFERENCE,
    Metric,
    correct,
)
from ._task import SPLITS, Counts, Split, Task

__all__ = [
    "ABOVE_FOIL",
    "LOGIT_DIFFERENCE",
    "LOG_LIKELIHOOD",
    "PROBABILITY_DIFFERENCE",
    "SPLITS",
    "Batch",
    "Counts",
    "Encoded",
    "Example",
    "Metric",
    "Partner",
    "Split",
    "Task",
    "correct",
]
