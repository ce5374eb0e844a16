"""Masks that are learned by gradient: one training loop for every method."""

from ...gates import GATES, Gate, HardConcrete, Heaviside, Linear
from ._config import MaskConfig
from ._learner import LearnedEdges, LearnedMask, learn_edges, learn_mask
from ._presets import EDGES, PRESETS, Preset
from ._propose import sampler_of
from ._sizes import Penalty, SizeControl, Target
from ._space import SPREAD, around, values_of, with_settings
from ._sweep import SweepConfig, sweep_edges, sweep_masks
from ._trials import Failure, Sweep, Trial, front

__all__ = [
    "EDGES",
    "GATES",
    "PRESETS",
    "SPREAD",
    "Failure",
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
    "Sweep",
    "SweepConfig",
    "Target",
    "Trial",
    "around",
    "front",
    "learn_edges",
    "learn_mask",
    "sampler_of",
    "sweep_edges",
    "sweep_masks",
    "values_of",
    "with_settings",
]
