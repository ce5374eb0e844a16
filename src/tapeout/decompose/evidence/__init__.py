"""Directions beside others on samples that they were not learned on: errors, effects, examples."""

from .._errors import prepared
from ._baselines import random_directions, singular_directions
from ._candidates import Candidate, Factored
from ._coverage import Coverage, CoveredDirection, coverage
from ._examples import TokenChange, changed_tokens
from ._held_out import HeldOut, held_out
from ._moving import Moving
from ._principal import Principal
from ._ratio import ratio_of_sums
from ._specific import Specific, Specificity, mean_impacts, specificities

__all__ = [
    "Candidate",
    "Coverage",
    "CoveredDirection",
    "Factored",
    "HeldOut",
    "Moving",
    "Principal",
    "Specific",
    "Specificity",
    "TokenChange",
    "changed_tokens",
    "coverage",
    "held_out",
    "mean_impacts",
    "prepared",
    "random_directions",
    "ratio_of_sums",
    "singular_directions",
    "specificities",
]
