"""Two scalars by L-BFGS: the fit of a calibration."""

import math
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import TaskError
from ..tasks import Batch, Loss
from ._intervals import Average

LINE_SEARCH = 25
"""Evaluations that torch's line search makes at most in one step."""


def moved(
    logits: Float[Tensor, "*batch vocab"], scale: Tensor, shift: Tensor, tokens: Sequence[int]
) -> Float[Tensor, "*batch vocab"]:
    """`scale * logits`, plus `shift` on the tokens, in float32; differentiable by both."""
    scaled = logits.float() * scale.to(logits.device, torch.float32)
    if not tokens:
        return scaled
    chosen = torch.zeros(logits.shape[-1], device=logits.device)
    chosen[list(tokens)] = 1
    return scaled + shift.to(chosen) * chosen


class Fit:
    """Logits of a split, and the scale and shift that lower a loss on them.

    The logits are computed once and held; a step goes over them batch by batch.
    """

    def __init__(self, loss: Loss, tokens: Sequence[int]) -> None:
        self.loss, self.tokens = loss, tokens
        self.batches: list[tuple[Tensor, Batch]] = []
        self.evaluations = 0

    def add(self, logits: Float[Tensor, "rows length vocab"], batch: Batch) -> None:
        self.batches.append((logits.detach().clone(), batch))

    def average(self, scale: float, shift: float) -> Average:
        """The loss with this scale and shift."""
        with torch.no_grad():
            pair = torch.tensor([scale, shift], dtype=torch.float64)
            return Average.of([float(v) for part in self._losses(*pair) for v in part])

    def run(self, steps: int) -> tuple[float, float]:
        """The best scale and shift that `steps` of L-BFGS come by; (1, 0) if none is better.

        The scale is the exponential of what is fitted, so it stays above 0.

        Raises:
            TaskError: the loss is not finite as it is.
        """
        point = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        best, least = (1.0, 0.0), self.average(1.0, 0.0).value
        if not math.isfinite(least):
            raise TaskError(f"the loss to calibrate is {least}: check the model for NaN")
        optimizer = torch.optim.LBFGS(
            [point],
            max_iter=steps,
            max_eval=steps * (LINE_SEARCH + 1),
            line_search_fn="strong_wolfe",
        )
        count = sum(len(batch) for _, batch in self.batches)

        def closure() -> Tensor:
            nonlocal best, least
            optimizer.zero_grad()
            total = torch.zeros((), dtype=torch.float64)
            for place in range(len(self.batches)):
                with torch.enable_grad():
                    part = self._loss(place, point[0].exp(), point[1]).double().sum().cpu() / count
                part.backward()
                total += part.detach()
            self.evaluations += 1
            if total.item() < least:
                best, least = (point[0].exp().item(), point[1].item()), total.item()
            return total

        optimizer.step(closure)
        # the two sums round differently
        return best if self.average(*best).value < self.average(1.0, 0.0).value else (1.0, 0.0)

    def _losses(self, scale: Tensor, shift: Tensor) -> Iterator[Tensor]:
        for place in range(len(self.batches)):
            yield self._loss(place, scale, shift)

    def _loss(self, place: int, scale: Tensor, shift: Tensor) -> Float[Tensor, " rows"]:
        logits, batch = self.batches[place]
        return self.loss.of(moved(logits, scale, shift, self.tokens), batch)
