"""Directions in parameter space that few samples use at a time, found without a task (paper 4)."""

from ._compute import GradientPath, gradients
from ._directions import Directions, Ranks, Shapes
from ._divergence import DIVERGENCES
from ._gradients import ExplicitGradients, Gradients
from ._network import Samples
from ._references import draw_references
from ._structured import StructuredGradients

__all__ = [
    "DIVERGENCES",
    "Directions",
    "ExplicitGradients",
    "GradientPath",
    "Gradients",
    "Ranks",
    "Samples",
    "Shapes",
    "StructuredGradients",
    "draw_references",
    "gradients",
]
