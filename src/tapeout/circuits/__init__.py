"""Circuits: which nodes there are, how they score, which are kept."""

from ._circuit import Circuit, LayerSize
from ._scores import Scores
from ._universe import Group, Universe

__all__ = ["Circuit", "Group", "LayerSize", "Scores", "Universe"]
