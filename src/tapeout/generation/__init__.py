"""Writing text with a model: batches behind one shared beginning, sampling, stops."""

from ._generate import Written, generate
from ._prefix import SharedPrefix
from ._sampling import Sampling
from ._stops import Stops
from ._teacher import choices, last_logits

__all__ = [
    "Sampling",
    "SharedPrefix",
    "Stops",
    "Written",
    "choices",
    "generate",
    "last_logits",
]
