"""A loss, example by example, of a model in which some channels are gated or rewritten."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ...circuits import Circuit
from ...errors import InterventionError
from ...interventions import Gates, Replacement, circuit_replacement, restrict
from ...models import Model, Tap, Watch, attached
from ...tasks import Loss, Split
from .._intervals import Average


def fill_of(circuit: Circuit, replacement: str | Replacement) -> Replacement:
    """What nodes outside a circuit are given.

    Raises:
        InterventionError: it needs partners, or means that are not there.
    """
    fill = circuit_replacement(circuit, replacement)
    if fill.paired:
        raise InterventionError(
            f"nodes are looked at one by one under zero or mean replacement, not {fill.name}"
        )
    return fill


@dataclass(frozen=True, kw_only=True)
class Measure:
    """Runs a split again and again under one loss.

    Attributes:
        per_token: divide by the tokens of the answer: for text, nats a token.
    """

    model: Model
    split: Split
    loss: Loss
    per_token: bool = False
    batch_size: int = 64

    def of(
        self,
        gates: Gates | None = None,
        fill: Replacement | None = None,
        watches: Sequence[tuple[Tap, Watch]] = (),
    ) -> Float[Tensor, " examples"]:
        """The loss of every example; of the full model without gates.

        Args:
            gates: as in `restrict`.
            fill: what closed channels are given.
            watches: act after the gates.
        """
        values = torch.zeros(len(self.split))
        within = restrict(self.model, gates, fill) if gates is not None else nullcontext()
        with torch.no_grad(), self.model.frozen(), within, attached(list(watches)):
            for batch in self.split.batches(self.batch_size):
                logits = self.model.logits(batch.tokens, keep=batch.answer_length)
                found = self.loss.of(logits, batch).float().cpu()
                values[batch.rows] = found / (batch.answer_length if self.per_token else 1)
        return values


def mean_of(values: Tensor) -> Average:
    """With its 95% interval."""
    return Average.of(values.tolist())
