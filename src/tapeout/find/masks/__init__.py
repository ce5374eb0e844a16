"""Masks that are learned by gradient: one training loop for every method."""

from ._config import MaskConfig
from ._gates import GATES, Gate, HardConcrete, Heaviside, Linear
from ._learner import LearnedEdges, LearnedMask, learn_edges, learn_mask
from ._presets import PRESETS, Preset
from ._sizes import Penalty, SizeControl, Target

__all__ = [
    "GATES",
    "PRESETS",
    "Gate",
    "HardConcrete",
    "Heaviside",
    "LearnedEdges",
    "LearnedMask",
    "Linear",
    "MaskConfig",
    "Penalty",
    "Preset",
    "SizeControl",
    "Target",
    "learn_edges",
    "learn_mask",
]
