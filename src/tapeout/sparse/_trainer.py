"""One training under way: what a step does, and what it takes to go on after a kill."""

import copy
import math
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, distributed
from torch.nn.functional import cross_entropy

from ..checkpoint import resume_training, save_training
from ..errors import ModelError
from ..models.modeling_weight_sparse import WeightSparseForCausalLM
from ._config import SparseTraining
from ._projection import count, project, sparse_parameters
from ._schedule import Schedule


@runtime_checkable
class Windows(Protocol):
    """Where batches come from, see `Mixture`."""

    def at(self, step: int) -> Tensor: ...


class SparseTrainer:
    """A training that keeps the largest weights after every step.

    Attributes:
        parameters: of the model, by name.
        trained: these and whatever else the optimiser moves.
        tokens: that the last update of this process learned from.
    """

    def __init__(
        self,
        model: WeightSparseForCausalLM,
        windows: Windows,
        config: SparseTraining,
        validation: Tensor | None,
    ) -> None:
        self.model = copy.deepcopy(model).train()
        self.windows, self.config, self.validation = windows, config, validation
        self.sparse = sparse_parameters(self.model)
        self.parameters = {n: p for n, p in self.model.named_parameters() if p.requires_grad}
        self.trained: dict[str, Tensor] = dict(self.parameters)
        self.schedule = Schedule(
            steps=config.steps,
            density=config.density,
            anneal=config.anneal,
            learning_rate=config.learning_rate,
            warm_up=config.warm_up,
        )
        self.optimizer = torch.optim.AdamW(
            self.parameters.values(),
            lr=config.learning_rate,
            betas=config.betas,
            eps=config.eps,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self.step = self.tokens = 0
        self.curve: list[dict[str, float]] = []

    def update(self) -> None:
        """One step on one batch.

        Raises:
            ModelError: the loss is not finite.
        """
        self.optimizer.zero_grad()
        rows = self._rows()
        self.tokens = rows[:, 1:].numel()
        loss = self._loss(rows)
        (loss + self._penalty()).backward()
        value = self._together(loss.detach())
        if not math.isfinite(value):
            raise ModelError(f"the loss is {value} at step {self.step}: lower the learning rate")
        entry = {"loss": value, "rms": self._scale_gradient()}
        entry["rate"] = self.schedule.rate_at(self.step)
        self.optimizer.param_groups[0]["lr"] = entry["rate"]
        self.optimizer.step()
        entry["density"] = self._sparsify()
        self.step += 1
        if self._is_measured():
            entry["validation"] = self.validate()
        self.curve.append(entry)

    def finished(self) -> WeightSparseForCausalLM:
        """The trained model, in evaluation mode."""
        return self.model.eval()

    def nonzero(self) -> int:
        """Weights that are not zero, of those that are kept sparse."""
        return count(self.sparse).nonzero

    def _penalty(self) -> Tensor | float:
        """What is added to the loss."""
        return 0.0

    def _sparsify(self) -> float:
        """Zero weights after an update; the density that was asked for there."""
        density = self.schedule.density_at(self.step)
        project(self.sparse, density, self.config.floor)
        return density

    def _logits(self, ids: Tensor) -> Tensor:
        return self.model(input_ids=ids).logits

    def _rows(self) -> Tensor:
        """This process's part of the batch."""
        rows = self.windows.at(self.step)
        if not _grouped():
            return rows
        size, rank = distributed.get_world_size(), distributed.get_rank()
        if len(rows) % size:
            raise ModelError(f"a batch of {len(rows)} rows does not divide among {size} processes")
        return rows[rank::size]

    def _loss(self, rows: Tensor) -> Tensor:
        """Cross-entropy in nats a token."""
        rows = rows.to(self.model.device)
        half = self.config.precision == "bfloat16"
        with torch.autocast(self.model.device.type, torch.bfloat16, enabled=half):
            logits = self._logits(rows[:, :-1])
        return cross_entropy(logits.float().flatten(0, 1), rows[:, 1:].flatten())

    def _together(self, loss: Tensor) -> float:
        """The mean over all processes, whose gradients become their mean too."""
        for tensor in (loss, *(p.grad for p in self.trained.values())):
            assert tensor is not None
            averaged(tensor)
        return loss.item()

    def _scale_gradient(self) -> float:
        """Scale all gradients as the config says; their root mean square before."""
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        rms = norm.item() / math.sqrt(sum(gradient.numel() for gradient in gradients))
        how = self.config.gradient
        if rms > 0 and (how == "normalised" or (how == "clipped" and rms > 1)):
            for gradient in gradients:
                gradient /= rms
        return rms

    def _is_measured(self) -> bool:
        every = self.config.validate_every or self.config.steps
        due = self.step % every == 0 or self.step == self.config.steps
        return self.validation is not None and due

    @torch.no_grad()
    def validate(self) -> float:
        """Loss on the validation windows, in nats a token."""
        assert self.validation is not None
        self.model.eval()
        parts = self.validation.split(16)
        total = sum(self._loss(part).item() * len(part) for part in parts)
        self.model.train()
        return total / len(self.validation)

    def save(self, path: Path) -> None:
        """Write all that the training needs to go on; in a group, the first process does."""
        if _grouped() and distributed.get_rank():
            return
        plain = {"step": self.step, "curve": self.curve}
        save_training(path, self._state(), plain, self.optimizer, marks=self._marks())

    def resume(self, path: Path) -> None:
        """Go on from `save`.

        Raises:
            RunError: the file is damaged, or of another training.
        """
        plain = resume_training(path, self._state(), self.optimizer, marks=self._marks())
        self.step, self.curve = plain["step"], plain["curve"]

    def _state(self) -> dict[str, Tensor]:
        """What a checkpoint holds, by name."""
        return self.trained

    def _marks(self) -> dict[str, Any]:
        """What tells this training from others: its settings, and the first text that it reads."""
        return {
            "config": asdict(self.config),
            "text": zlib.crc32(self.windows.at(0).numpy().tobytes()),
        }


def averaged(tensor: Tensor) -> None:
    """Make it the mean over all processes of a group."""
    if _grouped():
        distributed.all_reduce(tensor)
        tensor /= distributed.get_world_size()


def _grouped() -> bool:
    return distributed.is_available() and distributed.is_initialized()
