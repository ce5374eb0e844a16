"""The smooth way to few weights: a gate on every one, that training may close."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.func import functional_call

from ..gates import HardConcrete
from ..models.modeling_weight_sparse import WeightSparseForCausalLM
from ._config import SparseTraining
from ._trainer import SparseTrainer, Windows

OPEN, SHUT = 2.0, -2.0
"""First parameters of gates: half of all weights start with each."""


class GatedTrainer(SparseTrainer):
    """Weights times hard concrete gates, with a penalty on the share that is open.

    Below the density that is asked for there is no penalty, or every gate would close; and half of
    the gates start nearly shut. What remains are the weights times their gates without noise, and
    how many are not zero is counted.

    Source: Louizos et al. 2018 (arXiv 1712.01312), changed as in weight-sparse transformers,
    appendix D, which names neither the scale of the first parameters nor a penalty's weight.
    """

    def __init__(
        self,
        model: WeightSparseForCausalLM,
        windows: Windows,
        config: SparseTraining,
        validation: Tensor | None,
    ) -> None:
        super().__init__(model, windows, config, validation)
        self.gate, self.schedule = HardConcrete(), replace(self.schedule, density=1.0)
        random = torch.Generator().manual_seed(0)
        self.gates: dict[str, Tensor] = {}
        for name, weight in ((sparse.name, sparse.weight) for sparse in self.sparse):
            shut = torch.rand(weight.shape, generator=random) < 0.5
            first = torch.where(shut, SHUT, OPEN).to(weight)
            self.gates[name] = self.trained[f"gate.{name}"] = first.requires_grad_()
        self.optimizer.add_param_group(
            {
                "params": list(self.gates.values()),
                "lr": config.gate_rate,
                "eps": 1e-8,
                "weight_decay": 0.0,
            }
        )

    def finished(self) -> WeightSparseForCausalLM:
        with torch.no_grad():
            for name, weight in self._gated(None).items():
                self.parameters[name].copy_(weight)
        return super().finished()

    @torch.no_grad()
    def nonzero(self) -> int:
        return sum(int(weight.count_nonzero()) for weight in self._gated(None).values())

    def _penalty(self) -> Tensor:
        return self.config.penalty * (self._open() - self.config.density).clamp(min=0)

    def _sparsify(self) -> float:
        with torch.no_grad():
            return self._open().item()

    def _open(self) -> Tensor:
        """The expected share of gates that are not 0."""
        sizes = [self.gate.size(gate.flatten()).sum() for gate in self.gates.values()]
        return torch.stack(sizes).sum() / sum(gate.numel() for gate in self.gates.values())

    def _logits(self, ids: Tensor) -> Tensor:
        noise = torch.Generator().manual_seed(self.step) if self.model.training else None
        weights = self._gated(noise)
        return functional_call(self.model, weights, kwargs={"input_ids": ids}).logits

    def _gated(self, noise: torch.Generator | None) -> dict[str, Tensor]:
        """The weights times their gates."""
        gated = {}
        for name, gate in self.gates.items():
            flat, weight = gate.flatten(), self.parameters[name]
            values = self.gate.settle(flat) if noise is None else self.gate.sample(flat, noise)
            gated[name] = weight * values.view_as(weight)
        return gated
