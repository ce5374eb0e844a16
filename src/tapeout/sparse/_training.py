"""Training a weight-sparse transformer, or its dense twin by the same loop."""

import copy
import math
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, distributed
from torch.nn.functional import cross_entropy

from ..checkpoint import load_training, restore, save_training, train
from ..errors import ModelError, RunError
from ..models.modeling_weight_sparse import WeightSparseForCausalLM
from ._projection import Counts, count, least_density, project, sparse_parameters
from ._schedule import Schedule

Progress = Callable[[int, int], None]


@runtime_checkable
class Windows(Protocol):
    """Where batches come from, see `Mixture`."""

    def at(self, step: int) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class SparseTraining:
    """Settings of one training.

    Attributes:
        steps: updates.
        density: share of weights that stay in the end; 1 trains the dense twin.
        floor: weights that every neuron and attention channel keeps, whatever the density.
        anneal, warm_up, learning_rate: see `Schedule`.
        betas, eps, weight_decay: of AdamW.
        gradient: what is done with the gradient's root mean square over all parameters: it is
            made 1 (`normalised`), held at 1 where it is above (`clipped`), or left (`free`).
            With the loss as a mean over tokens it lies far below 1, so that clipping alone never
            acts and this `eps` turns AdamW into gradient descent by tiny steps.
        precision: `bfloat16` computes products so, over float32 weights.
        validate_every: steps between two validation losses; 0 for one at the end.
        save_every: steps between checkpoints.

    Raises:
        ModelError: a number makes no sense.

    Source: weight-sparse transformers, appendix A.2; the paper clips and does not name its loss's
    scale, so that normalising is ours.
    """

    steps: int = 500
    density: float = 1 / 16
    floor: int = 4
    anneal: float = 0.5
    warm_up: float = 0.01
    learning_rate: float = 5e-3
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 0.1
    weight_decay: float = 0.1
    gradient: Literal["normalised", "clipped", "free"] = "normalised"
    precision: Literal["float32", "bfloat16"] = "float32"
    validate_every: int = 0
    save_every: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.density <= 1:
            raise ModelError(f"density must lie above 0 and up to 1, not at {self.density}")
        if not 0 <= self.anneal <= 1 or not 0 <= self.warm_up <= 1:
            raise ModelError("anneal and warm_up are parts of the steps: give 0 to 1")
        for name in ("steps", "save_every"):
            if getattr(self, name) < 1:
                raise ModelError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("floor", "validate_every"):
            if getattr(self, name) < 0:
                raise ModelError(f"{name} cannot be {getattr(self, name)}")
        if not self.learning_rate > 0 or not self.eps > 0:
            raise ModelError("learning_rate and eps must be above 0")


@dataclass(frozen=True)
class Trained:
    """What a training gives.

    Attributes:
        model: trained, in evaluation mode.
        counts: its weights that are not zero, counted.
        curve: by step: `loss` in nats a token, `density` as it was asked for, `rate`, `rms` of
            the gradient; `validation` where it was measured.
        asked, possible: the density that was asked for, and the least that the floor allows.
    """

    model: WeightSparseForCausalLM
    counts: Counts
    curve: list[dict[str, float]]
    asked: float
    possible: float


def train_sparse(
    model: WeightSparseForCausalLM,
    windows: Windows,
    config: SparseTraining | None = None,
    *,
    validation: Tensor | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train a copy of a model so that most of its weights are zero.

    In a group of processes (`torch.distributed`, as `torchrun` starts them) each takes its part
    of every batch's rows, and all end with the same weights.

    Args:
        model: where training starts; it stays as it is.
        windows: tokens by step, shape [batch, pos]; the loss is on all but the first.
        validation: windows to measure the loss on, shape [rows, pos].
        checkpoint: a file to go on from and to save to, as the training goes; a training that
            was killed goes on to the same weights, bit for bit on one thread.
        progress: called with the steps done and all of them.

    Raises:
        ModelError: the loss is no longer finite, or a batch does not divide among the processes.
        RunError: the checkpoint is damaged, or of another training.
    """
    config = config or SparseTraining()
    trainer = SparseTrainer(model, windows, config, validation)
    train(
        trainer,
        config.steps,
        checkpoint=checkpoint,
        save_every=config.save_every,
        progress=progress,
    )
    return Trained(
        trainer.model.eval(),
        count(trainer.sparse),
        trainer.curve,
        config.density,
        least_density(trainer.sparse, config.floor),
    )


class SparseTrainer:
    """A training under way."""

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
        self.step = 0
        self.curve: list[dict[str, float]] = []

    def update(self) -> None:
        """One step on one batch.

        Raises:
            ModelError: the loss is not finite.
        """
        self.optimizer.zero_grad()
        loss = self._loss(self._rows())
        loss.backward()
        value = self._together(loss.detach())
        if not math.isfinite(value):
            raise ModelError(f"the loss is {value} at step {self.step}: lower the learning rate")
        entry = {"loss": value, "rms": self._scale_gradient()}
        entry["rate"] = self.schedule.rate_at(self.step)
        entry["density"] = self.schedule.density_at(self.step)
        self.optimizer.param_groups[0]["lr"] = entry["rate"]
        self.optimizer.step()
        project(self.sparse, entry["density"], self.config.floor)
        self.step += 1
        if self._is_measured():
            entry["validation"] = self.validate()
        self.curve.append(entry)

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
            logits = self.model(input_ids=rows[:, :-1]).logits
        return cross_entropy(logits.float().flatten(0, 1), rows[:, 1:].flatten())

    def _together(self, loss: Tensor) -> float:
        """The mean over all processes, whose gradients become their mean too."""
        if _grouped():
            size = distributed.get_world_size()
            for tensor in (loss, *(p.grad for p in self.parameters.values())):
                assert tensor is not None
                distributed.all_reduce(tensor)
                tensor /= size
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
        plain = {"step": self.step, "curve": self.curve, **self._marks()}
        save_training(path, self.parameters, plain, self.optimizer)

    def resume(self, path: Path) -> None:
        """Go on from `save`.

        Raises:
            RunError: the file is damaged, or of another training.
        """
        tensors, plain = load_training(path, self.parameters)
        marks = self._marks()
        if {name: plain.get(name) for name in marks} != marks:
            raise RunError(f"the checkpoint {path} is of another training: use another file")
        self.step, self.curve = plain["step"], plain["curve"]
        with torch.no_grad():
            for name, weight in self.parameters.items():
                weight.copy_(tensors[name])
        restore(self.optimizer, tensors)

    def _marks(self) -> dict[str, Any]:
        """What tells this training from others: its settings, and the first text that it reads."""
        settings = asdict(self.config) | {"betas": list(self.config.betas)}
        return {"config": settings, "text": zlib.crc32(self.windows.at(0).numpy().tobytes())}


def _grouped() -> bool:
    return distributed.is_available() and distributed.is_initialized()
