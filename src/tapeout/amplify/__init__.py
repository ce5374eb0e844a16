"""Change only the circuit of a capability, so that it gets better (paper 2)."""

from ._combine import combine
from ._delta import Delta
from ._records import LocalisationSet, Method, Record
from ._trainer import Evaluate, in_float32
from ._update import RATES, Swept, Updated, sweep, update
from ._updating import Updating

__all__ = [
    "RATES",
    "Delta",
    "Evaluate",
    "LocalisationSet",
    "Method",
    "Record",
    "Swept",
    "Updated",
    "Updating",
    "combine",
    "in_float32",
    "sweep",
    "update",
]
