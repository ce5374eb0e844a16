"""Running a model with some of its nodes replaced."""

from ._engine import Gates, restrict
from ._generate import greedy
from ._partners import PartnerRun, Partners
from ._record import record
from ._replacements import (
    Counterfactual,
    Mean,
    Positions,
    Recorded,
    Replacement,
    Resample,
    Scale,
    Where,
    Zero,
)
from ._resolve import NAMES, circuit_replacement, means_over, replacement_of

__all__ = [
    "NAMES",
    "Counterfactual",
    "Gates",
    "Mean",
    "PartnerRun",
    "Partners",
    "Positions",
    "Recorded",
    "Replacement",
    "Resample",
    "Scale",
    "Where",
    "Zero",
    "circuit_replacement",
    "greedy",
    "means_over",
    "record",
    "replacement_of",
    "restrict",
]
