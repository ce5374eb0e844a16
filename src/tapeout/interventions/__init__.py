"""Running a model with some of its nodes replaced."""

from ._engine import Gates, restrict
from ._generate import greedy
from ._replacements import (
    Counterfactual,
    Mean,
    Positions,
    Replacement,
    Resample,
    Scale,
    Where,
    Zero,
)

__all__ = [
    "Counterfactual",
    "Gates",
    "Mean",
    "Positions",
    "Replacement",
    "Resample",
    "Scale",
    "Where",
    "Zero",
    "greedy",
    "restrict",
]
