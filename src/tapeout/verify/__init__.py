"""Evidence: from a model, a task and a circuit to numbers worth printing."""

from ._controls import random_like
from ._evaluate import Outcome, evaluate, prefix_only
from ._faithfulness import MIB_SHARES, Faithfulness, faithfulness
from ._frontier import GRID, Frontier, Point, frontier
from ._intervals import Average, Share
from ._recovery import Recovery, recovery
from ._worth import Worth, worth

__all__ = [
    "GRID",
    "MIB_SHARES",
    "Average",
    "Faithfulness",
    "Frontier",
    "Outcome",
    "Point",
    "Recovery",
    "Share",
    "Worth",
    "evaluate",
    "faithfulness",
    "frontier",
    "prefix_only",
    "random_like",
    "recovery",
    "worth",
]
