"""What a language model says of samples when its weights are moved along a direction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.func import jvp
from torch.nn.attention import SDPBackend, sdpa_kernel

from ...models import Model, Tokens
from .._divergence import kl
from .._network import Network, Samples, rows_of

ROWS_AT_ONCE = 32
START = 2e-3
"""Of the weights' norm: the first delta that is tried."""
GUESSES, FASTEST = 5, 30.0
"""Of a delta: how many, and by how much the next may differ."""


class Moving:
    """A model and the samples of some rows.

    Args:
        model: it stays as it is.
        inputs: its rows, shape [rows, positions].
        samples: what a sample is, as in `gradients`.
        names: of the parameters that move.
    """

    def __init__(
        self,
        model: nn.Module | Model,
        inputs: Tensor | Tokens,
        samples: Samples | str,
        names: Sequence[str],
    ) -> None:
        self.network = Network(model, samples)
        self.inputs = rows_of(inputs)
        self.weights = {name: self.network.module.get_parameter(name).detach() for name in names}
        with torch.no_grad(), self.network.frozen():
            self.each = self.network.outputs(self.inputs[:1]).shape[1]

    @property
    def norm(self) -> float:
        """The L2 norm of the weights that move, over all of them."""
        return float(torch.stack([weight.norm() for weight in self.weights.values()]).norm())

    def divergences(
        self, direction: Mapping[str, Tensor], delta: float, samples: Int[Tensor, " chosen"]
    ) -> Float[Tensor, " chosen"]:
        """KL(W || W + delta v) of some samples in nats, the mean of both signs of delta.

        Over the positions of a row, where a sample is a row, it is their mean.
        """
        return self._divergences(direction, delta, samples, self._before(samples))

    def matched(
        self,
        direction: Mapping[str, Tensor],
        samples: Int[Tensor, " chosen"],
        *,
        effect: float,
    ) -> list[tuple[float, Float[Tensor, " chosen"]]]:
        """Deltas that were tried, with the divergences of some samples.

        The last one is where their mean is `effect`. Divergences grow with the square of small
        deltas, and the next delta is guessed from that or from the last two; the mean comes within
        a tenth of what is asked for, or as near as a few guesses do.
        """
        delta, power, last = START * self.norm, 2.0, None
        tried: list[tuple[float, Tensor]] = []
        before = self._before(samples)
        for _ in range(GUESSES):
            found = self._divergences(direction, delta, samples, before)
            tried.append((delta, found))
            place = math.log(delta), math.log(max(float(found.mean()), 1e-9))
            if last is not None:
                power = min(max((place[1] - last[1]) / (place[0] - last[0]), 1.0), 4.0)
            growth = math.exp((math.log(effect) - place[1]) / power)
            if abs(growth - 1) < 0.05:
                return tried
            delta, last = delta * min(max(growth, 1 / FASTEST), FASTEST), place
        return [*tried, (delta, self._divergences(direction, delta, samples, before))]

    def derivatives(
        self, direction: Mapping[str, Tensor], samples: Int[Tensor, " chosen"]
    ) -> Float[Tensor, "chosen ... vocabulary"]:
        """How fast log-probabilities change along a direction, per unit of delta."""
        along = {name: direction[name].to(weight) for name, weight in self.weights.items()}
        found = []
        with torch.no_grad(), self.network.frozen(), sdpa_kernel(SDPBackend.MATH):
            for part in samples.split(ROWS_AT_ONCE):
                found += jvp(
                    lambda values, part=part: self._outputs(part, values).log_softmax(-1),
                    (self.weights,),
                    (along,),
                )[1:]
        return torch.cat(found)

    def _before(self, samples: Int[Tensor, " chosen"]) -> list[Tensor]:
        """What the model says of the samples as it is, some at a time."""
        with torch.no_grad(), self.network.frozen():
            parts = samples.split(ROWS_AT_ONCE)
            return [self._outputs(part, self.weights) for part in parts]

    def _divergences(
        self,
        direction: Mapping[str, Tensor],
        delta: float,
        samples: Int[Tensor, " chosen"],
        before: list[Tensor],
    ) -> Float[Tensor, " chosen"]:
        found = []
        with torch.no_grad(), self.network.frozen():
            for part, said in zip(samples.split(ROWS_AT_ONCE), before, strict=True):
                both = [self._moved(part, direction, sign * delta) for sign in (1, -1)]
                found.append(torch.stack([kl(after, said) for after in both]).mean(0))
        return torch.cat(found)

    def _moved(
        self, samples: Int[Tensor, " chosen"], direction: Mapping[str, Tensor], delta: float
    ) -> Tensor:
        weights = self.weights.items()
        return self._outputs(samples, {n: w + delta * direction[n].to(w) for n, w in weights})

    def _outputs(self, samples: Int[Tensor, " chosen"], weights: Mapping[str, Tensor]) -> Tensor:
        whole = self.network.outputs(self.inputs[samples // self.each], weights)
        return whole[torch.arange(len(samples)), samples % self.each]
