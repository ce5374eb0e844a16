"""Directions in parameter space that few samples use at a time, found without a task (paper 4)."""

from ._directions import Directions, Ranks, Shapes
from ._gradients import ExplicitGradients, Gradients

__all__ = ["Directions", "ExplicitGradients", "Gradients", "Ranks", "Shapes"]
