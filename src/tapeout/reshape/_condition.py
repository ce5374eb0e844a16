"""Conditioning: train a model so that the circuit of a task gets small (paper 1, and ours)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..checkpoint import resume_training, save_training, train
from ..circuits import Circuit
from ..errors import ReshapeError
from ..models import Model
from ..tasks import Split
from ._adapter import Adapter
from ._change import Change
from ._config import Conditioning
from ._controls import training_split
from ._masked import Masked
from ._slots import slots_of
from ._terms import Anchor, OnTask
from ._trainable import Trainable

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Conditioned:
    """What conditioning gives.

    Attributes:
        change: to be applied to the base, at a scale of your choice (see `merge_scales`).
        curve: by step: every term of the loss before its weight, and `share`, of the nodes that
            the masked term kept.
    """

    change: Change
    curve: list[dict[str, float]]


def condition(
    model: Model,
    split: Split,
    *,
    anchors: Sequence[Split] = (),
    slots: Circuit | None = None,
    config: Conditioning | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Conditioned:
    """Train a copy of a model on a task; the model itself stays as it is.

    Args:
        model: the base.
        split: what it is trained on, as a rule `task.train`.
        anchors: what else it should go on doing as the base does: splits of other tasks or text.
        slots: MLP channels; no weight changes that does not touch one of them.
        config: how; or its fields as keyword arguments.
        checkpoint: a file to go on from and to save to, as the training goes.
        progress: called with the steps done and all of them.

    Raises:
        ReshapeError: a config that cannot be carried out, an anchor's weight without anchors, no
            example left to train on, or a loss that is no longer finite.
        TaskError: counterfactuals are needed and an example has none.
        RunError: the checkpoint is damaged, or of another training.

    Source: paper 1, "Conditioning without teaching"; slots are experiment 10 of its appendix.
    """
    config = config or Conditioning(**options)
    if config.anchor and not anchors:
        raise ReshapeError("anchor has a weight, but there is nothing to anchor on: pass anchors")
    split = training_split(model, split, config)
    trainer = Trainer(model, split, list(anchors), slots, config)
    train(
        trainer,
        config.steps,
        checkpoint=checkpoint,
        save_every=config.save_every,
        progress=progress,
    )
    return Conditioned(trainer.change(), trainer.curve)


class Trainer:
    """A conditioning under way."""

    def __init__(
        self,
        base: Model,
        split: Split,
        anchors: list[Split],
        slots: Circuit | None,
        config: Conditioning,
    ) -> None:
        self.config, self.split, self.anchors = config, split, anchors
        chosen = None if slots is None else slots_of(base, slots)
        self.copy = Trainable(base, _adapter(config), chosen)
        self.slots = slots
        self.on_task = OnTask(base, self.copy.model, split, config)
        self.anchor = Anchor(base, self.copy.model, anchors, config) if anchors else None
        self.masked = Masked(self.copy.model, split, config) if config.masked else None
        self.optimizer = torch.optim.AdamW(
            self.copy.parameters.values(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
        )
        self.step = 0
        self.curve: list[dict[str, float]] = []

    def update(self) -> None:
        """One step.

        Raises:
            ReshapeError: the loss is not finite.
        """
        c, entry = self.config, {}
        if self.masked is not None:
            self.masked.rank(self.step)
            entry["share"] = self.masked.share(self.step)
        self.optimizer.zero_grad()
        total = 0.0
        for term in self._terms():
            with torch.enable_grad(), self._cast():
                losses = term(self.step)
            weighted = [getattr(c, name) * loss for name, loss in losses.items()]
            torch.stack(weighted).sum().backward()
            entry |= {name: loss.item() for name, loss in losses.items()}
            total += sum(loss.item() for loss in weighted)
        if not math.isfinite(total):
            raise ReshapeError(
                f"the loss is {total} at step {self.step}: lower the learning rate, or check the "
                "model for NaN"
            )
        torch.nn.utils.clip_grad_norm_(self.copy.parameters.values(), c.clip)
        self.optimizer.param_groups[0]["lr"] = self._rate()
        self.optimizer.step()
        self.curve.append({"loss": total} | entry)
        self.step += 1

    def _terms(self) -> list[Callable[[int], dict[str, Tensor]]]:
        """What gives the losses of a step; one graph after the other, not all at once."""
        c, terms = self.config, []
        if c.ce or c.kl:
            terms.append(self.on_task.losses)
        if c.anchor and self.anchor is not None:
            terms.append(self.anchor.losses)
        if self.masked is not None:
            terms.append(self.masked.losses)
        return terms

    def _cast(self) -> torch.autocast:
        enabled = self.config.precision == "bfloat16"
        return torch.autocast(self.copy.model.device.type, torch.bfloat16, enabled=enabled)

    def _rate(self) -> float:
        c = self.config
        warm = min((self.step + 1) / max(c.warm_up, 1), 1.0)
        return c.learning_rate * warm * (1 - self.step / c.steps)

    def change(self) -> Change:
        """The difference from the base, as it is now."""
        about = {"method": "conditioning", **self._about(), "steps": self.step}
        return self.copy.change(about)

    def _about(self) -> dict[str, Any]:
        return {
            "config": asdict(self.config),
            "split": self.split.name,
            "n": len(self.split),
            "anchors": [anchor.name for anchor in self.anchors],
            "slots": None if self.slots is None else self.slots.size,
        }

    def _tensors(self) -> dict[str, Tensor]:
        ranked = {} if self.masked is None else {"scores": self.masked.values}
        return {**self.copy.parameters, **ranked}

    def save(self, path: Path) -> None:
        """Write all that the training needs to go on."""
        plain = {"step": self.step, "curve": self.curve}
        save_training(path, self._tensors(), plain, self.optimizer, marks=self._about())

    def resume(self, path: Path) -> None:
        """Go on from `save`.

        Raises:
            RunError: the file is damaged, or of another training.
        """
        plain = resume_training(path, self._tensors(), self.optimizer, marks=self._about())
        self.step, self.curve = plain["step"], plain["curve"]


def _adapter(config: Conditioning) -> Adapter | None:
    if not config.rank:
        return None
    return Adapter(rank=config.rank, alpha=float(config.alpha or config.rank), seed=config.seed)
