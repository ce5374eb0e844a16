"""Changing a model so that the circuit of a task gets smaller."""

from ._adapter import Adapter
from ._change import Change, LowRank
from ._condition import Conditioned, condition
from ._config import Conditioning
from ._scales import SCALES, ScalePoint, ScaleSweep, Size, merge_scales
from ._slots import MLP, PROJECTIONS, QKV, Lines, Slot, Z, lines_of, slots_of
from ._trainable import Trainable

__all__ = [
    "MLP",
    "PROJECTIONS",
    "QKV",
    "SCALES",
    "Adapter",
    "Change",
    "Conditioned",
    "Conditioning",
    "Lines",
    "LowRank",
    "ScalePoint",
    "ScaleSweep",
    "Size",
    "Slot",
    "Trainable",
    "Z",
    "condition",
    "lines_of",
    "merge_scales",
    "slots_of",
]
