"""Bases: small models that are trained here, because no model that can be had knows the task."""

from ._adder import Adder, AdderConfig, adder
from ._questions import OPERATIONS, Count, held_out_counts
from ._tokenizer import BOS, PAD, character_tokenizer
from ._training import IGNORED, BaseConfig, BaseTraining, Part, Progress

__all__ = [
    "BOS",
    "IGNORED",
    "OPERATIONS",
    "PAD",
    "Adder",
    "AdderConfig",
    "BaseConfig",
    "BaseTraining",
    "Count",
    "Part",
    "Progress",
    "adder",
    "character_tokenizer",
    "held_out_counts",
]
