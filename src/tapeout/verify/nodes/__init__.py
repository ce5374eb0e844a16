"""Nodes one by one: what they do, and whether that is as simple as it looks (paper 3)."""

from ._activity import Activity, activity
from ._binary import Binarised, Binarising, binarise
from ._contexts import PERCENTILES, Context, NodeContexts, Percentile, node_contexts
from ._diagram import Diagram, diagram, edges_on
from ._effects import InversePruning, NodeEffect, inverse_pruning, node_effects
from ._kurtosis import Kurtosis, kurtosis
from ._prompts import PairsOfPrompts, PromptActivations, prompt_activations
from ._recorded import PairActivations, TextActivations, pair_activations, text_activations
from ._simpler import ConstantQuery, RedundantWrite, constant_queries, redundant_writes

__all__ = [
    "PERCENTILES",
    "Activity",
    "Binarised",
    "Binarising",
    "ConstantQuery",
    "Context",
    "Diagram",
    "InversePruning",
    "Kurtosis",
    "NodeContexts",
    "NodeEffect",
    "PairActivations",
    "PairsOfPrompts",
    "Percentile",
    "PromptActivations",
    "RedundantWrite",
    "TextActivations",
    "activity",
    "binarise",
    "constant_queries",
    "diagram",
    "edges_on",
    "inverse_pruning",
    "kurtosis",
    "node_contexts",
    "node_effects",
    "pair_activations",
    "prompt_activations",
    "redundant_writes",
    "text_activations",
]
