"""What an update gives, whichever way it was found."""

from dataclasses import dataclass, field
from typing import Any

from ..models import Model
from ._delta import Delta


@dataclass(frozen=True, kw_only=True, eq=False)
class Updated:
    """What an update gives.

    Attributes:
        model: the new model, as it was after `step`.
        base: the model that it was updated from, in float32.
        step: the step that is kept; 0 is the base.
        scores: step -> what `evaluate` gave.
        curve: by step, before it was taken: `loss`, `difference` (mean over the records, in
            logits), `gradient` (its norm).
        diverged: the step at which loss or gradient were no longer finite; None if none.
        origin: how it came about; plain values.
    """

    model: Model
    base: Model
    step: int
    scores: dict[int, float]
    curve: list[dict[str, float]]
    diverged: int | None
    origin: dict[str, Any] = field(repr=False)

    @property
    def score(self) -> float | None:
        """Of the model; None if nothing was evaluated."""
        return self.scores.get(self.step)

    def delta(self) -> Delta:
        """What it changed, as a file to apply and revert."""
        return Delta.between(self.base, self.model, origin=self.origin)
