"""Change only the circuit of a capability, so that it gets better (paper 2)."""

from ._branching import Branching, branching_pivots
from ._combine import combine
from ._delta import Delta
from ._evidence import Evidence, against_random, differences
from ._localise import Localised, Tried, choose, counts, localise
from ._localising import COMPONENTS, Localising
from ._paired import TracePairs, trace_pairs
from ._pairs import PairSplit, divide, pair_split
from ._pivots import Pivot, prefix_pivot
from ._records import LocalisationSet, Method, Record
from ._sequential import sequential_pivot
from ._sets import localisation_set
from ._solve import Solved, solve, solves
from ._solver import Pair, Solver, Trace
from ._traces import TraceConfig, greedy_traces, sampled_traces
from ._trainer import Evaluate, in_float32
from ._update import RATES, Swept, Updated, sweep, update
from ._updating import Updating

__all__ = [
    "COMPONENTS",
    "RATES",
    "Branching",
    "Delta",
    "Evaluate",
    "Evidence",
    "LocalisationSet",
    "Localised",
    "Localising",
    "Method",
    "Pair",
    "PairSplit",
    "Pivot",
    "Record",
    "Solved",
    "Solver",
    "Swept",
    "Trace",
    "TraceConfig",
    "TracePairs",
    "Tried",
    "Updated",
    "Updating",
    "against_random",
    "branching_pivots",
    "choose",
    "combine",
    "counts",
    "differences",
    "divide",
    "greedy_traces",
    "in_float32",
    "localisation_set",
    "localise",
    "pair_split",
    "prefix_pivot",
    "sampled_traces",
    "sequential_pivot",
    "solve",
    "solves",
    "sweep",
    "trace_pairs",
    "update",
]
