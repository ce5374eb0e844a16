"""Evidence: from a model, a task and a circuit to numbers worth printing."""

from ._calibrated import Calibrated, with_and_without
from ._calibration import Calibrating, Calibration, calibrate
from ._controls import random_like
from ._distance import distance_from
from ._effect import Effect, drift_from, drift_on, effect_on
from ._evaluate import Outcome, evaluate, prefix_only
from ._faithfulness import MIB_SHARES, Faithfulness, faithfulness
from ._frontier import GRID, Frontier, Point, frontier
from ._intervals import Average, Share
from ._loss_size import LossSize, circuit_loss, smallest_at_loss
from ._losses import LossObjective
from ._paired import Difference, mcnemar, paired
from ._recovery import Recovery, recovery
from ._squeeze import Squeeze, Squeezed, Squeezing, squeeze
from ._strata import AnswerToken, ByStratum, Stratum, by_stratum, first_wrong
from ._transfer import Overlap, Transfer, TransferCell, overlap, transfer_matrix
from ._worth import Worth, worth

__all__ = [
    "GRID",
    "MIB_SHARES",
    "AnswerToken",
    "Average",
    "ByStratum",
    "Calibrated",
    "Calibrating",
    "Calibration",
    "Difference",
    "Effect",
    "Faithfulness",
    "Frontier",
    "LossObjective",
    "LossSize",
    "Outcome",
    "Overlap",
    "Point",
    "Recovery",
    "Share",
    "Squeeze",
    "Squeezed",
    "Squeezing",
    "Stratum",
    "Transfer",
    "TransferCell",
    "Worth",
    "by_stratum",
    "calibrate",
    "circuit_loss",
    "distance_from",
    "drift_from",
    "drift_on",
    "effect_on",
    "evaluate",
    "faithfulness",
    "first_wrong",
    "frontier",
    "mcnemar",
    "overlap",
    "paired",
    "prefix_only",
    "random_like",
    "recovery",
    "smallest_at_loss",
    "squeeze",
    "transfer_matrix",
    "with_and_without",
    "worth",
]
