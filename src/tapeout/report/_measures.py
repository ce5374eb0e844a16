"""What is measured of a model: in words, the field, and how its value is written."""

from collections.abc import Callable
from typing import Any

from ._text import mebibytes, number, seconds, thousands

MEASURES: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("Parameters", "parameters", lambda n: f"{n:,}" if n < 1e9 else thousands(n)),
    ("Weights in memory", "bytes", mebibytes),
    ("FLOPs per token", "flops_per_token", thousands),
    ("Tokens per second", "tokens_per_second", number),
    ("Load time", "load_seconds", seconds),
    ("Peak memory", "peak_mb", lambda value: mebibytes(value * 2**20)),
)
