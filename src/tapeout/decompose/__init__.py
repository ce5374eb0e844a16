"""Directions in parameter space that few samples use at a time, found without a task (paper 4)."""

from ._collect import Collecting, GradientConfig, collect
from ._compute import GradientPath, gradients
from ._config import L3D
from ._decomposition import Decomposition
from ._directions import Directions, Ranks, Shapes
from ._divergence import DIVERGENCES
from ._gradients import ExplicitGradients, Gradients
from ._interventions import Effect, TurnedOff, impacts, moved, specificity, strongest, turned_off
from ._learner import Learner, decompose
from ._network import Samples
from ._nodes import channel_energies, node_energies, node_scores
from ._pairs import Pair, PairConfig, collect_pairs, pairs_of
from ._references import draw_references
from ._span import change_along
from ._store import StoredGradients
from ._structured import StructuredGradients
from ._topk import batch_top_k
from ._tuning import SpanLoss, SpanTuned, SpanTuning, tune_in_span

__all__ = [
    "DIVERGENCES",
    "L3D",
    "Collecting",
    "Decomposition",
    "Directions",
    "Effect",
    "ExplicitGradients",
    "GradientConfig",
    "GradientPath",
    "Gradients",
    "Learner",
    "Pair",
    "PairConfig",
    "Ranks",
    "Samples",
    "Shapes",
    "SpanLoss",
    "SpanTuned",
    "SpanTuning",
    "StoredGradients",
    "StructuredGradients",
    "TurnedOff",
    "batch_top_k",
    "change_along",
    "channel_energies",
    "collect",
    "collect_pairs",
    "decompose",
    "draw_references",
    "gradients",
    "impacts",
    "moved",
    "node_energies",
    "node_scores",
    "pairs_of",
    "specificity",
    "strongest",
    "tune_in_span",
    "turned_off",
]
