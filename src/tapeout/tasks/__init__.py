"""Tasks: examples with counterfactuals, and how an answer is scored."""

from ._batch import Batch, Partner, make_batches
from ._carries import carries, carry_regime, overflows
from ._criterion import CRITERIA, EXACT, FOIL, Criterion, correct, written_right
from ._digit_task import DigitTask
from ._draw import CONTRAST
from ._example import Encoded, Example
from ._held_out import HELD_OUT, is_held_out
from ._loss import Loss
from ._metrics import (
    ABOVE_FOIL,
    LOG_LIKELIHOOD,
    LOGIT_DIFFERENCE,
    PROBABILITY_DIFFERENCE,
    Metric,
)
from ._objectives import OBJECTIVES, Objective
from ._operands import Item
from ._operation import Form, Operation
from ._registry import TASKS, Listed, build
from ._right import answered_right
from ._shuffled import Shuffled
from ._task import SPLITS, Counts, Split, Task
from .addition import addition
from .digits import comparison, copy, maximum, reversal, subtraction
from .greater_than import greater_than
from .interfaces import decisions, interfaces
from .ioi import ioi
from .jsonl import jsonl
from .pronouns import pronouns
from .text import text

__all__ = [
    "ABOVE_FOIL",
    "CONTRAST",
    "CRITERIA",
    "EXACT",
    "FOIL",
    "HELD_OUT",
    "LOGIT_DIFFERENCE",
    "LOG_LIKELIHOOD",
    "OBJECTIVES",
    "PROBABILITY_DIFFERENCE",
    "SPLITS",
    "TASKS",
    "Batch",
    "Counts",
    "Criterion",
    "DigitTask",
    "Encoded",
    "Example",
    "Form",
    "Item",
    "Listed",
    "Loss",
    "Metric",
    "Objective",
    "Operation",
    "Partner",
    "Shuffled",
    "Split",
    "Task",
    "addition",
    "answered_right",
    "build",
    "carries",
    "carry_regime",
    "comparison",
    "copy",
    "correct",
    "decisions",
    "greater_than",
    "interfaces",
    "ioi",
    "is_held_out",
    "jsonl",
    "make_batches",
    "maximum",
    "overflows",
    "pronouns",
    "reversal",
    "subtraction",
    "text",
    "written_right",
]
