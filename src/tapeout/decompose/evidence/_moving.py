"""What a language model says of samples when its weights are moved along a direction."""

from __future__ import annotations

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
        """KL(W || W + delta v) of some samples, in nats; over a row's positions it is the mean."""
        moved = {
            name: weight + delta * direction[name].to(weight)
            for name, weight in self.weights.items()
        }
        with torch.no_grad(), self.network.frozen():
            return torch.cat(
                [
                    kl(self._outputs(part, moved), self._outputs(part, self.weights))
                    for part in samples.split(ROWS_AT_ONCE)
                ]
            )

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

    def _outputs(self, samples: Int[Tensor, " chosen"], weights: Mapping[str, Tensor]) -> Tensor:
        whole = self.network.outputs(self.inputs[samples // self.each], weights)
        return whole[torch.arange(len(samples)), samples % self.each]
