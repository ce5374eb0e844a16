"""How LoRA is tuned on worked solutions, as one flat config."""

from dataclasses import dataclass
from typing import Literal

from ..errors import AmplifyError


@dataclass(frozen=True, kw_only=True)
class LoraTuning:
    """Settings of the baseline that updates are measured against; the defaults are the paper's.

    Attributes:
        rank, alpha, dropout: of the adapter on every projection of attention and MLP.
        learning_rate: its peak; it falls to 0 along a cosine.
        epochs: how often every problem is seen.
        batch: problems of a step.
        rows: of them, those that run at once.
        warm_up: steps in which the learning rate rises.
        weight_decay: of AdamW.
        clip: largest norm of the gradient.
        shots: problems stand behind the task's worked examples. On by default: it is how they are
            put to the model when it is measured, so the adapter learns nothing that only serves to
            do without them.
        reach: with shots, through which positions gradients go: those `behind_prefix` (the worked
            examples' keys and values are constants of a step, read without dropout), which costs
            little more than no shots at all, or `all`.
        every: steps between two evaluations.
        seed: of the adapter, of the problems' order and of dropout.
        save_every: steps between checkpoints.

    Source: paper 2, section 4.3 and table 5. It says nothing of worked examples in training, and
    no framework whose defaults would settle it.
    """

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.1
    learning_rate: float = 5e-5
    epochs: int = 2
    batch: int = 32
    rows: int = 8
    warm_up: int = 5
    weight_decay: float = 0.01
    clip: float = 1.0
    shots: bool = True
    reach: Literal["behind_prefix", "all"] = "behind_prefix"
    every: int = 10
    seed: int = 0
    save_every: int = 10

    def __post_init__(self) -> None:
        for name in ("rank", "epochs", "batch", "rows", "every", "save_every"):
            if getattr(self, name) < 1:
                raise AmplifyError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("alpha", "learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise AmplifyError(f"{name} must be above 0, not {getattr(self, name)}")
        if self.warm_up < 0 or self.weight_decay < 0:
            raise AmplifyError("warm_up and weight_decay cannot be below 0")
        if not 0 <= self.dropout < 1:
            raise AmplifyError(f"dropout is a share below 1, not {self.dropout}")
