"""Training a weight-sparse transformer, or its dense twin by the same loop."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..checkpoint import train
from ..models.modeling_weight_sparse import WeightSparseForCausalLM
from ._config import SparseTraining
from ._gated import GatedTrainer
from ._projection import Counts, count, least_density
from ._trainer import SparseTrainer, Windows

Progress = Callable[..., None]


@dataclass(frozen=True)
class Trained:
    """What a training gives.

    Attributes:
        model: trained, in evaluation mode.
        counts: its weights that are not zero, counted.
        curve: by step: `loss` in nats a token, `density` as it was asked for, `rate`, `rms` of
            the gradient; `validation` where it was measured.
        asked, possible: the density that was asked for, and the least that the floor allows (0
            with gates, which have no floor).
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
        progress: called with the steps done and all of them, and by name with `loss`,
            `tokens_per_second` (in this process, since it began) and `nonzero` weights.

    Raises:
        ModelError: the loss is no longer finite, or a batch does not divide among the processes.
        RunError: the checkpoint is damaged, or of another training.
    """
    config = config or SparseTraining()
    kind = GatedTrainer if config.method == "hard-concrete" else SparseTrainer
    trainer = kind(model, windows, config, validation)
    train(
        trainer,
        config.steps,
        checkpoint=checkpoint,
        save_every=config.save_every,
        progress=progress and _told(trainer, progress),
    )
    possible = least_density(trainer.sparse, config.floor) if kind is SparseTrainer else 0.0
    return Trained(
        trainer.finished(), count(trainer.sparse), trainer.curve, config.density, possible
    )


@torch.no_grad()
def loss_on(model: WeightSparseForCausalLM, windows: Int[Tensor, "rows pos"]) -> float:
    """Mean cross-entropy in nats a token, in float32; the model is used as it is."""
    total = 0.0
    for part in windows.to(model.device).split(16):
        logits = model(input_ids=part[:, :-1]).logits.float()
        total += cross_entropy(logits.flatten(0, 1), part[:, 1:].flatten()).item() * len(part)
    return total / len(windows)


def _told(trainer: SparseTrainer, progress: Progress) -> Callable[[int, int], None]:
    began, tokens = time.monotonic(), 0

    def tell(done: int, total: int) -> None:
        nonlocal tokens
        tokens += trainer.tokens
        progress(
            done,
            total,
            loss=trainer.curve[-1]["loss"],
            tokens_per_second=tokens / (time.monotonic() - began),
            nonzero=trainer.nonzero(),
        )

    return tell
