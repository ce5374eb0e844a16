"""Muon for the matrices of the layers, AdamW for everything else."""

import torch
from torch import Tensor, nn

from ..errors import ModelError


class Optimizers:
    """Two optimisers that step as one.

    Attributes:
        adam: of embedding, head and norms.
        momenta: Muon's whole state, by name.
    """

    def __init__(self, hf: nn.Module, muon_rate: float, adam_rate: float) -> None:
        if not hasattr(torch.optim, "Muon"):
            raise ModelError(
                f"training a base needs torch.optim.Muon, which torch {torch.__version__} does not "
                "have: install torch 2.9 or later"
            )
        named = dict(hf.named_parameters())
        matrices = {name: p for name, p in named.items() if p.ndim == 2 and "layers" in name}
        rest = [p for name, p in named.items() if name not in matrices]
        self.muon = torch.optim.Muon(matrices.values(), lr=muon_rate)
        self.adam = torch.optim.AdamW(rest, lr=adam_rate, weight_decay=0.0)
        self.momenta: dict[str, Tensor] = {}
        for name, p in matrices.items():  # as Muon itself starts them, so that they can be restored
            momentum = torch.zeros_like(p, memory_format=torch.preserve_format)
            self.muon.state[p]["momentum_buffer"] = self.momenta[f"momenta.{name}"] = momentum
        self._rated = (self.muon, muon_rate), (self.adam, adam_rate)

    def update(self, rate: float) -> None:
        """One step at a part of the learning rates; gradients are gone afterwards."""
        for optimizer, full in self._rated:
            for group in optimizer.param_groups:
                group["lr"] = rate * full
            optimizer.step()
            optimizer.zero_grad()
