"""How dense the model is, and how fast it learns, at every step."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Density falls linearly; the learning rate rises, falls linearly to 0, and is larger the
    sparser the model is, by the inverse square root of its density ("sharkfin").

    Attributes:
        steps: of the training.
        density: share of weights that stay in the end; 1 trains the dense twin.
        anneal: part of all steps over which density falls.
        learning_rate: at density 1, after the warm-up.
        warm_up: part of all steps over which it rises.

    Source: weight-sparse transformers, appendix A.2 and figure 11.
    """

    steps: int
    density: float
    anneal: float
    learning_rate: float
    warm_up: float

    def density_at(self, step: int) -> float:
        """After the update of a step."""
        part = min((step + 1) / max(self.anneal * self.steps, 1), 1.0)
        return 1 - part * (1 - self.density)

    def rate_at(self, step: int) -> float:
        """Of the update of a step."""
        rise = min((step + 1) / max(self.warm_up * self.steps, 1), 1.0)
        fall = 1 - step / self.steps
        return self.learning_rate * rise * fall / math.sqrt(self.density_at(step))
