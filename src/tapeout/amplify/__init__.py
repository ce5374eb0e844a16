"""Change only the circuit of a capability, so that it gets better (paper 2)."""

from ._branching import Branching, branching_pivots
from ._combine import combine
from ._delta import Delta
from ._evidence import Evidence, against_random, differences
from ._harness import harness
from ._harness_tasks import SHOTS
from ._improving import Evaluate
from ._localise import Localised, Tried, choose, counts, localise
from ._localising import COMPONENTS, Localising
from ._lora import LORA_RATES, Tuned, lora, lora_sweep
from ._lora_config import LoraTuning
from ._multiple_choice import MultipleChoice, Question
from ._paired import TracePairs, trace_pairs
from ._pairs import PairSplit, divide, pair_split
from ._pivots import Pivot, prefix_pivot
from ._rates import Swept
from ._records import LocalisationSet, Method, Record
from ._sequential import sequential_pivot
from ._sets import localisation_set
from ._side_effects import SideEffects, side_effects
from ._solve import Solved, solve, solves, staying_near
from ._solver import Pair, Solver, Trace
from ._traces import TraceConfig, greedy_traces, sampled_traces
from ._trainer import in_float32
from ._update import RATES, sweep, update
from ._updated import Updated
from ._updating import Updating

__all__ = [
    "COMPONENTS",
    "LORA_RATES",
    "RATES",
    "SHOTS",
    "Branching",
    "Delta",
    "Evaluate",
    "Evidence",
    "LocalisationSet",
    "Localised",
    "Localising",
    "LoraTuning",
    "Method",
    "MultipleChoice",
    "Pair",
    "PairSplit",
    "Pivot",
    "Question",
    "Record",
    "SideEffects",
    "Solved",
    "Solver",
    "Swept",
    "Trace",
    "TraceConfig",
    "TracePairs",
    "Tried",
    "Tuned",
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
    "harness",
    "in_float32",
    "localisation_set",
    "localise",
    "lora",
    "lora_sweep",
    "pair_split",
    "prefix_pivot",
    "sampled_traces",
    "sequential_pivot",
    "side_effects",
    "solve",
    "solves",
    "staying_near",
    "sweep",
    "trace_pairs",
    "update",
]
