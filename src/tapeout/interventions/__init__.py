"""Running a model with some of its nodes replaced."""

from ._edges import Wiring, Writes, edges_of, restrict_edges, writes
from ._engine import Gates, restrict
from ._generate import greedy
from ._partners import PartnerRun, Partners
from ._pasts import Pasts
from ._record import record
from ._replacements import (
    Counterfactual,
    Mean,
    Positions,
    Projection,
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
    "Pasts",
    "Positions",
    "Projection",
    "Recorded",
    "Replacement",
    "Resample",
    "Scale",
    "Where",
    "Wiring",
    "Writes",
    "Zero",
    "circuit_replacement",
    "edges_of",
    "greedy",
    "means_over",
    "record",
    "replacement_of",
    "restrict",
    "restrict_edges",
    "writes",
]
