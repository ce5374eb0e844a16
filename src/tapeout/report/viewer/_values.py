"""Numbers and texts from results as the block holds them."""

import math

from .._text import clean
from .._values import Average, Share

Bounds = list[float | None]


def bounds(found: Average | Share) -> Bounds:
    """Value, lower and upper end; None for what is not finite, which JSON has no number for."""
    return [x if math.isfinite(x) else None for x in (found.value, found.low, found.high)]


def prose(text: str, most: int) -> str:
    """Clean text that keeps its lines; of longer text the first `most` characters."""
    cut = text if len(text) <= most else f"{text[:most]}…"
    return "\n".join(clean(line, most + 1) for line in cut.split("\n"))
