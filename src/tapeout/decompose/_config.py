"""The settings of a decomposition."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import DecomposeError, nearest

INITIAL = "k-means", "samples", "random"
DECAY = "cosine", "step"


@dataclass(frozen=True, kw_only=True)
class L3D:
    """How gradients are decomposed (paper 4, sections 2.3 and 2.4).

    Attributes:
        count: directions.
        ranks: of every tensor's part of a direction, or by parameter name (1 for those not named).
        active: the part of all coefficients of a batch that counts, the largest ones.
        steps, batch_size: how many updates, of how many samples.
        learning_rate: of Adam.
        decay: let it fall to 0 along half a cosine, or by `drop_to` every `drop_every` steps.
        warm_up: steps at the beginning of which all but a thousandth of coefficients count.
        per_sample: give every gradient norm 1, where a few samples hold most of the energy.
        tied: one set of directions for both encoding and decoding; else the encoder starts as a
            copy of the decoder.
        initial: directions start at the middles of clusters of gradients, at samples drawn by their
            energy, or at noise.
        revive_every: a direction that counted nowhere in so many steps starts anew at a sample that
            is badly rebuilt, in the first two thirds of all steps; 0 never.
        starts: so many decompositions one after the other, of which the one with the least error
            on all samples is kept.
        seed: of first directions and batches.
        save_every: steps between checkpoints.

    Raises:
        DecomposeError: a value that makes no sense.
    """

    count: int
    ranks: int | Mapping[str, int] = 1
    active: float = 0.1
    steps: int = 2000
    batch_size: int = 64
    learning_rate: float = 0.01
    decay: str = "cosine"
    drop_every: int = 3000
    drop_to: float = 0.8
    warm_up: int = 0
    per_sample: bool = False
    tied: bool = False
    initial: str = "k-means"
    revive_every: int = 200
    starts: int = 1
    seed: int = 0
    save_every: int = 500

    def __post_init__(self) -> None:
        for name in ("count", "steps", "batch_size", "drop_every", "starts", "save_every"):
            if getattr(self, name) < 1:
                raise DecomposeError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 < self.active <= 1:
            raise DecomposeError(f"active is a part of 1 and more than 0, not {self.active}")
        for name, known in (("initial", INITIAL), ("decay", DECAY)):
            if (value := getattr(self, name)) not in known:
                raise DecomposeError(f"{name} cannot be {value!r}: {nearest(value, known)}")

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        if self.decay == "step":
            return self.learning_rate * self.drop_to ** (step // self.drop_every)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * step / self.steps))

    def share(self, step: int) -> float:
        """The part of coefficients that counts in a step."""
        return 0.999 if step < self.warm_up else self.active
