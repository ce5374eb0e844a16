"""The settings of a learned mask."""

from dataclasses import dataclass, field
from typing import Literal

from ...gates import Gate, HardConcrete
from ...interventions import Positions
from ._sizes import Penalty, SizeControl


@dataclass(frozen=True, kw_only=True)
class MaskConfig:
    """The four choices in which published methods differ, and how long to train.

    Attributes:
        gate: from parameters to gates.
        replacement: what closed gates give instead; `mean` needs the argument `means`; `scale`
            multiplies open nodes by `factor` and leaves the rest as it is.
        objective: what to keep: `kl` (the full model's next-token distribution), `task` (the right
            answer over the whole vocabulary), `candidates` (among right tokens and foils alone) or
            `logit_difference` (without a bound).
        size: what makes the mask small.
        factor: of `scale`.
        positions: where gates act; means say that of themselves. With `last`, gates reach nothing
            before the last token that is read, so all of that is run once (see `Pasts`).
        steps, batch_size: how many updates, of how many examples.
        tokens_at_once: of one forward; a batch of more goes through in parts, which changes memory
            and not the result (but for rounding). More may be faster on a GPU.
        learning_rate, weight_decay: of AdamW.
        warm_up: steps over which the learning rate grows from 0.
        decay: let the learning rate fall linearly to 0 afterwards.
        drop_every, drop_to: multiply the learning rate by `drop_to` every so many steps; 0 never.
        patience: stop when the loss has not fallen for so many steps; 0 never stops early.
        unchanged: stop when no node has entered or left the kept ones for so many steps, once one
            has; 0 never stops early.
        seed: of first parameters, noise and the order of batches.
        save_every: steps between checkpoints.
    """

    gate: Gate = field(default_factory=HardConcrete)
    replacement: Literal["counterfactual", "mean", "zero", "resample", "scale"] = "counterfactual"
    objective: Literal["kl", "task", "candidates", "logit_difference"] = "kl"
    size: SizeControl = field(default_factory=Penalty)
    factor: float = 2.0
    positions: Positions = "all_but_first"
    steps: int = 500
    batch_size: int = 32
    tokens_at_once: int = 256
    learning_rate: float = 0.05
    weight_decay: float = 0.0
    warm_up: int = 0
    decay: bool = False
    drop_every: int = 0
    drop_to: float = 0.9
    patience: int = 0
    unchanged: int = 0
    seed: int = 0
    save_every: int = 50
