"""Composing local circuits into one that carries the whole task, and routing between circuits."""

from ._bench import Composing, fitting
from ._compose import Composer, Local, Trial, compose
from ._regimes import Regime, Regimes, route_by_regime
from ._routed import Routed, evaluate_routed
from ._trials import TRIALS

__all__ = [
    "TRIALS",
    "Composer",
    "Composing",
    "Local",
    "Regime",
    "Regimes",
    "Routed",
    "Trial",
    "compose",
    "evaluate_routed",
    "fitting",
    "route_by_regime",
]
