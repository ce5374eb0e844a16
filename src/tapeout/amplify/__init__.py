"""Change only the circuit of a capability, so that it gets better (paper 2)."""

from ._combine import combine
from ._delta import Delta
from ._evidence import Evidence, against_random, differences
from ._localise import Localised, Tried, choose, counts, localise
from ._localising import COMPONENTS, Localising
from ._pairs import PairSplit, divide, pair_split
from ._records import LocalisationSet, Method, Record
from ._trainer import Evaluate, in_float32
from ._update import RATES, Swept, Updated, sweep, update
from ._updating import Updating

__all__ = [
    "COMPONENTS",
    "RATES",
    "Delta",
    "Evaluate",
    "Evidence",
    "LocalisationSet",
    "Localised",
    "Localising",
    "Method",
    "PairSplit",
    "Record",
    "Swept",
    "Tried",
    "Updated",
    "Updating",
    "against_random",
    "choose",
    "combine",
    "counts",
    "differences",
    "divide",
    "in_float32",
    "localise",
    "pair_split",
    "sweep",
    "update",
]
