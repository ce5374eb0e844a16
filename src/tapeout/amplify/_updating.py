"""How a targeted update goes, as one flat config: what a recipe holds and an artifact stores."""

from dataclasses import dataclass
from typing import Literal

from ..errors import AmplifyError
from ..reshape import PROJECTIONS
from ._loss import Loss, Reach


@dataclass(frozen=True, kw_only=True)
class Updating:
    """Settings of one update.

    Attributes:
        loss: `log_sigmoid` of the difference of logits, which is bounded below, or the
            `logit_difference` itself (the paper's), whose gradient never fades: at a large
            learning rate it wrecks what the model writes.
        learning_rate: of every step.
        steps: gradient steps.
        optimizer: `sgd` (the paper's), or `adam`.
        reach: through which positions gradients go: those `behind_prefix` (the worked examples'
            keys and values are constants), `all`, or the `last` alone, which is fast but points
            elsewhere for keys and values.
        projections: which weights of an MLP channel move. Localisation doubles what a channel
            gives, which is what doubling its column of `down` does, so by default that is among
            them; the paper names none, and its public code moves `up` alone.
        balanced: records whose greedy answer is right weigh as much in all as the others.
        sample: records of a step, drawn anew; 0 takes all, as the paper does.
        rows: records that run at once, which cost what the longest of them does.
        random_sign: a control: every weight moves by its gradient's size, with a sign of its own
            that is drawn once.
        every: steps between two evaluations, after those at 2, 4, 6, 8 and 10.
        seed: of what is drawn.
        save_every: steps between checkpoints.

    Source: paper 2, section 3.1.3; the bounded loss, balance and `reach` are ours.
    """

    loss: Loss = "log_sigmoid"
    learning_rate: float = 1e-3
    steps: int = 50
    optimizer: Literal["sgd", "adam"] = "sgd"
    reach: Reach = "behind_prefix"
    projections: tuple[str, ...] = PROJECTIONS
    balanced: bool = True
    sample: int = 0
    rows: int = 8
    random_sign: bool = False
    every: int = 10
    seed: int = 0
    save_every: int = 2

    def __post_init__(self) -> None:
        for name in ("steps", "rows", "every", "save_every"):
            if getattr(self, name) < 1:
                raise AmplifyError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise AmplifyError(f"learning_rate must be above 0, not {self.learning_rate}")
        if self.sample < 0:
            raise AmplifyError(f"sample cannot be {self.sample}: 0 takes all records")
        if not self.projections or set(self.projections) - set(PROJECTIONS):
            raise AmplifyError(
                f"projections are some of {', '.join(PROJECTIONS)}, not "
                f"{', '.join(self.projections) or 'none'}"
            )
