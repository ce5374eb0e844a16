"""The toys' networks: plain linear layers, so every way of taking gradients serves them."""

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn


class Autoencoder(nn.Module):
    """ReLU of a linear map through a few hidden units: `features` in, `outputs` out.

    Shared by the toys of superposition, of circuit superposition and of higher rank (paper 4,
    sections 3.1 to 3.3).
    """

    def __init__(self, features: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(features, hidden, bias=False)
        self.decoder = nn.Linear(hidden, outputs)
        with torch.no_grad():  # an output that starts below zero for its own feature stays there
            self.decoder.bias.zero_()
            if features == outputs:
                self.decoder.weight.copy_(self.encoder.weight.T)

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.relu(self.decoder(self.encoder(inputs)))

    def map(self) -> Tensor:
        """What it computes but for bias and ReLU, (features, outputs)."""
        return (self.decoder.weight @ self.encoder.weight).T.detach()


class Parallel(nn.Module):
    """Autoencoders side by side as one model, each with its own inputs and outputs."""

    def __init__(self, networks: int, features: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.networks = nn.ModuleList(
            Autoencoder(features, hidden, outputs) for _ in range(networks)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        parts = inputs.chunk(len(self.networks), dim=-1)
        pairs = zip(self.networks, parts, strict=True)
        return torch.cat([network(part) for network, part in pairs], dim=-1)


class Deep(nn.Sequential):
    """A GELU network of some hidden layers (paper 4, section 3.4)."""

    def __init__(self, features: int, hidden: int, layers: int) -> None:
        widths = [features] + [hidden] * layers
        blocks: list[nn.Module] = []
        for into, out in pairwise(widths):
            blocks += [nn.Linear(into, out), nn.GELU()]
        super().__init__(*blocks, nn.Linear(widths[-1], features))


def autoencoders(model: nn.Module) -> list[tuple[str, Autoencoder]]:
    """The autoencoders of a toy, each with the beginning of its parameters' names."""
    if isinstance(model, Autoencoder):
        return [("", model)]
    if isinstance(model, Parallel):
        return [(f"networks.{i}.", cast(Autoencoder, x)) for i, x in enumerate(model.networks)]
    return []
