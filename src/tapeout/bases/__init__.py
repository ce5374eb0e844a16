"""Bases: small models that are trained here, because no model that can be had knows the task."""

from ._adder import Adder, AdderConfig, adder
from ._questions import OPERATIONS, Count, held_out_counts
from ._tokenizer import character_tokenizer

__all__ = [
    "OPERATIONS",
    "Adder",
    "AdderConfig",
    "Count",
    "adder",
    "character_tokenizer",
    "held_out_counts",
]
