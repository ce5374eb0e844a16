"""Settings of a training."""

from dataclasses import dataclass
from typing import Literal

from ..errors import ModelError


@dataclass(frozen=True, kw_only=True)
class SparseTraining:
    """Settings of one training.

    Attributes:
        steps: updates.
        density: share of weights that stay in the end; 1 trains the dense twin.
        floor: weights that every neuron and attention channel keeps, whatever the density.
        anneal, warm_up, learning_rate: see `Schedule`.
        betas, eps, weight_decay: of AdamW.
        gradient: what is done with the gradient's root mean square over all parameters: it is
            made 1 (`normalised`), held at 1 where it is above (`clipped`), or left (`free`).
            With the loss as a mean over tokens it lies far below 1, so that clipping alone never
            acts and this `eps` turns AdamW into gradient descent by tiny steps.
        method: `topk` keeps the largest weights after every step; `hard-concrete` learns a gate on
            every weight instead, with a penalty on how many are open (see `GatedTrainer`).
        penalty, gate_rate: of `hard-concrete`: nats for all weights open, and the rate of the
            gates' parameters.
        precision: `bfloat16` computes products so, over float32 weights.
        validate_every: steps between two validation losses; 0 for one at the end.
        save_every: steps between checkpoints.

    Raises:
        ModelError: a number makes no sense.

    Source: weight-sparse transformers, appendix A.2; the paper clips and does not name its loss's
    scale, so that normalising is ours.
    """

    steps: int = 500
    density: float = 1 / 16
    floor: int = 4
    anneal: float = 0.5
    warm_up: float = 0.01
    learning_rate: float = 5e-3
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 0.1
    weight_decay: float = 0.1
    gradient: Literal["normalised", "clipped", "free"] = "normalised"
    method: Literal["topk", "hard-concrete"] = "topk"
    penalty: float = 1.0
    gate_rate: float = 0.03
    precision: Literal["float32", "bfloat16"] = "float32"
    validate_every: int = 0
    save_every: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.density <= 1:
            raise ModelError(f"density must lie above 0 and up to 1, not at {self.density}")
        if not 0 <= self.anneal <= 1 or not 0 <= self.warm_up <= 1:
            raise ModelError("anneal and warm_up are parts of the steps: give 0 to 1")
        for name in ("steps", "save_every"):
            if getattr(self, name) < 1:
                raise ModelError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("floor", "validate_every"):
            if getattr(self, name) < 0:
                raise ModelError(f"{name} cannot be {getattr(self, name)}")
        for name in ("learning_rate", "eps", "gate_rate"):
            if not getattr(self, name) > 0:
                raise ModelError(f"{name} must be above 0, not {getattr(self, name)}")
        if not self.penalty >= 0:
            raise ModelError(f"penalty cannot be {self.penalty}")
