"""The settings of a localisation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import AmplifyError
from ..find.masks import Linear, MaskConfig, Penalty
from ..interventions import Positions
from ._pairs import Balance

COMPONENTS = "attn.q:head,attn.k:head,attn.v:head,mlp.post_act:channel"
"""What paper 2 masks (3.1.2): query, key and value heads, and MLP neurons."""

Objective = Literal["difference", "bounded"]


@dataclass(frozen=True, kw_only=True)
class Localising:
    """Desiderata-based component masking (paper 2, 3.1.2 and table 4), and how it is judged.

    Attributes:
        universe: the components.
        factor: by what a kept component is multiplied (eq. 1); all others stay as they are.
        penalties: λ of eq. 2, on the sum of all gates; a mask is learned with each.
        objective: `difference` is eq. 2's, minus the desired token's logit less the undesired
            one's; `bounded` is -log sigmoid of it, which no longer gains from pairs that are won.
        positions: where components are multiplied: at the token before the pair alone, or at all.
            The paper does not say and its public code takes the last, where a step also costs one
            token instead of all.
        first: every gate at the start. From 0 the first gradients are those of the model as it is,
            and a component has to earn its way in. The public code starts at 1, where everything
            is doubled: what promotes a token in that broken model need not do so in the whole one
            (on a small adder such masks did not raise the difference of held-out pairs). The
            paper does not say.
        learning_rate, batch_size, epochs: of Adam, which has no weight decay here.
        drop_every, drop_to: multiply the learning rate by `drop_to` every so many epochs; 0 never.
            The public code takes 5 epochs and 0.9, table 4 a β of 0.9.
        unchanged: stop when the kept set has not changed for this share of an epoch's batches,
            once it has; 0 never. The paper takes 0.2, but from 0 components enter one by one: one
            epoch ended a mask of SmolLM2 at its first head, where the whole training kept 54.
        balance: of pairs whose greedy answer was right and wrong, in training; see `PairSplit`.
        validation, test: shares of the problems that λ is chosen on, and that evidence is taken of.
        share: λ is chosen among the masks that keep at most this part of the components.
        draws: how many random masks the chosen one is compared with.
        cache_bytes: keys and values that are kept for steps of one token; pairs beyond are read
            again at every step.
        tokens_at_once: of one forward where all positions are run; changes memory only.
        seed: of the division, the balance, the order of batches and the random masks.

    Raises:
        AmplifyError: a setting is out of range.
    """

    universe: str = COMPONENTS
    factor: float = 2.0
    penalties: Sequence[float] = (1e-2, 5e-3, 1e-3, 1e-4)
    objective: Objective = "difference"
    positions: Positions = "last"
    first: float = 0.0
    learning_rate: float = 5e-3
    batch_size: int = 8
    epochs: int = 50
    drop_every: int = 0
    drop_to: float = 0.9
    unchanged: float = 5.0
    balance: Balance = "none"
    validation: float = 0.15
    test: float = 0.15
    share: float = 0.016
    draws: int = 8
    cache_bytes: int = 2**31
    tokens_at_once: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.penalties or min(self.penalties) <= 0:
            raise AmplifyError(f"penalties={list(self.penalties)} must be numbers above 0")
        if len(set(self.penalties)) < len(self.penalties):
            raise AmplifyError(f"penalties={list(self.penalties)} names one twice")
        if not 0 < self.share <= 1 or not 0 <= self.first <= 1 or self.unchanged < 0:
            raise AmplifyError("share and first lie between 0 and 1, and unchanged is 0 or more")
        if min(self.validation, self.test) <= 0 or self.validation + self.test >= 1:
            raise AmplifyError("validation and test are shares of the problems, together below 1")
        if min(self.epochs, self.batch_size, self.draws) < 1:
            raise AmplifyError("epochs, batch_size and draws must be 1 or more")

    def mask(self, penalty: float, batches: int) -> MaskConfig:
        """The mask learner's settings.

        Args:
            penalty: λ.
            batches: of an epoch.
        """
        return MaskConfig(
            gate=Linear(first=self.first),
            replacement="scale",
            # cross-entropy between one right token and one foil is -log sigmoid(difference)
            objective="logit_difference" if self.objective == "difference" else "candidates",
            size=Penalty(weight=float(penalty), sums=True),
            factor=self.factor,
            positions=self.positions,
            steps=self.epochs * batches,
            batch_size=self.batch_size,
            # a step of one token needs little memory, and parts would be read and kept apart
            tokens_at_once=2**31 if self.positions == "last" else self.tokens_at_once,
            learning_rate=self.learning_rate,
            drop_every=self.drop_every * batches,
            drop_to=self.drop_to,
            unchanged=max(round(self.unchanged * batches), 1) if self.unchanged else 0,
            seed=self.seed,
            save_every=batches,
        )
