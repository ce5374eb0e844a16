"""Gates that can be learned: from free parameters to values between 0 and 1.

Each has `start` (first parameters), `sample` (the gates of one training step, differentiable),
`settle` (the gates without noise), `size` (how open each is, differentiable, for the penalty),
`bound_` (what keeps parameters in range after a step) and `threshold` (the parameter above which a
node is kept).
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

Nodes = Float[Tensor, " nodes"]
"""A number for every node."""


@dataclass(frozen=True, kw_only=True)
class HardConcrete:
    """Stretched and clipped binary concrete noise (Louizos et al. 2018).

    Attributes:
        beta: temperature.
        low, high: the interval that noise is stretched to before it is clipped to [0, 1].
        first: range of the first parameters, drawn uniformly.
    """

    name: ClassVar[str] = "hard_concrete"
    threshold: ClassVar[float] = 0.0
    beta: float = 2 / 3
    low: float = -0.1
    high: float = 1.1
    first: tuple[float, float] = (1.5, 2.5)

    def start(self, nodes: int, generator: torch.Generator) -> Nodes:
        low, high = self.first
        return low + (high - low) * torch.rand(nodes, generator=generator)

    def sample(self, parameters: Nodes, generator: torch.Generator) -> Nodes:
        noise = torch.rand(len(parameters), generator=generator).clamp(1e-6, 1 - 1e-6).logit()
        return self._stretch(((parameters + noise.to(parameters)) / self.beta).sigmoid())

    def settle(self, parameters: Nodes) -> Nodes:
        return self._stretch(parameters.sigmoid())

    def size(self, parameters: Nodes) -> Nodes:
        """Probability that the gate is not 0."""
        return (parameters - self.beta * math.log(-self.low / self.high)).sigmoid()

    def bound_(self, parameters: Nodes) -> None:
        pass

    def _stretch(self, values: Nodes) -> Nodes:
        return (self.low + (self.high - self.low) * values).clamp(0, 1)


@dataclass(frozen=True, kw_only=True)
class Heaviside:
    """0 or 1 by the parameter's sign, with a sigmoid's derivative in the backward pass.

    Attributes:
        temperature: of that sigmoid.
        first, spread: mean and standard deviation of the first parameters.

    Source: weight-sparse transformers, A.5.
    """

    name: ClassVar[str] = "heaviside"
    threshold: ClassVar[float] = 0.0
    temperature: float = 1.0
    first: float = 0.1
    spread: float = 0.01

    def start(self, nodes: int, generator: torch.Generator) -> Nodes:
        return self.first + self.spread * torch.randn(nodes, generator=generator)

    def sample(self, parameters: Nodes, generator: torch.Generator) -> Nodes:
        return self.settle(parameters)

    def settle(self, parameters: Nodes) -> Nodes:
        soft = (parameters / self.temperature).sigmoid()
        return (parameters > 0).to(soft) + (soft - soft.detach())

    def size(self, parameters: Nodes) -> Nodes:
        return self.settle(parameters)

    def bound_(self, parameters: Nodes) -> None:
        parameters.clamp_(-1, 1)


@dataclass(frozen=True, kw_only=True)
class Linear:
    """The parameter itself, kept within [0, 1].

    Attributes:
        first: every first parameter.

    Source: Constructive Circuit Amplification, 3.1.2 (desiderata-based component masking).
    """

    name: ClassVar[str] = "linear"
    threshold: ClassVar[float] = 0.5
    first: float = 0.5

    def start(self, nodes: int, generator: torch.Generator) -> Nodes:
        return torch.full((nodes,), self.first)

    def sample(self, parameters: Nodes, generator: torch.Generator) -> Nodes:
        return parameters

    def settle(self, parameters: Nodes) -> Nodes:
        return parameters

    def size(self, parameters: Nodes) -> Nodes:
        return parameters

    def bound_(self, parameters: Nodes) -> None:
        parameters.clamp_(0, 1)


Gate = HardConcrete | Heaviside | Linear
"""A gate that can be learned."""

GATES: dict[str, type[Gate]] = {gate.name: gate for gate in (HardConcrete, Heaviside, Linear)}
"""Gates by name."""
