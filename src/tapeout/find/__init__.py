"""Finding circuits: from a model and a task to scores or a circuit."""

from ._acdc import acdc
from ._attribution import Attribution, attribution
from ._baselines import frequency, random
from ._edge_attribution import EdgeAttribution, edge_attribution

__all__ = [
    "Attribution",
    "EdgeAttribution",
    "acdc",
    "attribution",
    "edge_attribution",
    "frequency",
    "random",
]
