"""Changing a model so that the circuit of a task gets smaller."""

from ._change import Change, LowRank
from ._condition import Conditioned, condition
from ._config import Conditioning
from ._scales import SCALES, ScalePoint, ScaleSweep, Size, merge_scales

__all__ = [
    "SCALES",
    "Change",
    "Conditioned",
    "Conditioning",
    "LowRank",
    "ScalePoint",
    "ScaleSweep",
    "Size",
    "condition",
    "merge_scales",
]
