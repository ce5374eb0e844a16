"""Finding circuits: from a model and a task to scores or a circuit."""

from ._attribution import Attribution, attribution
from ._baselines import frequency, random

__all__ = ["Attribution", "attribution", "frequency", "random"]
