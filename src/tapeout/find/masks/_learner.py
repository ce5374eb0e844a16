"""The one training loop of every learned mask."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ...circuits import Circuit, Scores, Universe
from ...errors import TaskError
from ...interventions import (
    Mean,
    Partners,
    Replacement,
    Resample,
    Scale,
    replacement_of,
    restrict,
)
from ...models import Model
from ...tasks import Batch, Partner, Split
from ._checkpoint import load_state, save_state
from ._config import MaskConfig
from ._objectives import OBJECTIVES

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class LearnedMask:
    """What training a mask gives.

    Attributes:
        scores: the parameters, less what opens a gate by half: above 0 a node is kept.
        circuit: the nodes whose gate ends open.
        curve: by step: `loss`, `objective` (mean over the batch), `share` (of open gates).
    """

    scores: Scores
    circuit: Circuit
    curve: list[dict[str, float]]


def learn_mask(
    model: Model,
    split: Split,
    universe: str | Universe = "mlp.post_act, attn.z:head",
    *,
    means: Mean | None = None,
    config: MaskConfig | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> LearnedMask:
    """Learn which nodes a task needs, by gradient on gates; the model's weights stay as they are.

    Args:
        model: the model.
        split: the examples, as a rule `task.train`.
        universe: the nodes; with several granularities a node's gate is the product of those above.
        means: what `replacement="mean"` stands for.
        config: how; or its fields as keyword arguments.
        checkpoint: a file to go on from and to save to, as the training goes.
        progress: called with the steps done and all of them.

    Raises:
        TaskError: the examples lack what the objective or the replacement needs, or the loss is no
            longer finite.
        CircuitError: the universe does not exist in this model.
        InterventionError: mean replacement without means.
    """
    config = config or MaskConfig(**options)
    nodes = Universe.of(model.shape, universe)
    config.size.check(nodes)
    fill = Scale(factor=config.factor) if config.replacement == "scale" else None
    if fill is None:
        named = config.replacement == "mean" and means is not None
        fill = means if named else replacement_of(config.replacement)
    assert fill is not None
    learner = Learner(model, split, nodes, fill, config)
    if checkpoint is not None:
        learner.resume(checkpoint)
    with model.frozen():
        while learner.step < config.steps and not learner.settled:
            learner.update()
            if checkpoint is not None and learner.step % config.save_every == 0:
                learner.save(checkpoint)
            if progress is not None:
                progress(learner.step, config.steps)
    return learner.result()


class Learner:
    """A mask in training."""

    def __init__(
        self,
        model: Model,
        split: Split,
        universe: Universe,
        replacement: Replacement,
        config: MaskConfig,
    ) -> None:
        self.model, self.split, self.universe, self.config = model, split, universe, config
        self.replacement = replacement
        self.partners = Partners.of(model, universe, replacement)
        partner: Partner | None = None
        if self.partners is not None:
            partner = "resample" if isinstance(replacement, Resample) else "counterfactual"
        self.batches = list(split.batches(config.batch_size, partner=partner))
        self.noise = torch.Generator().manual_seed(config.seed)
        self.parameters = config.gate.start(universe.size, self.noise).requires_grad_()
        self.multipliers = config.size.multipliers().requires_grad_()
        groups = [{"params": [self.parameters], "lr": config.learning_rate}]
        if len(self.multipliers):
            rate = {"lr": config.size.rate, "weight_decay": 0.0}
            groups.append({"params": [self.multipliers], "maximize": True} | rate)
        self.optimizer = torch.optim.AdamW(
            groups, lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.full: dict[int, Tensor] = {}
        self.step = 0
        self.curve: list[dict[str, float]] = []

    @property
    def settled(self) -> bool:
        """The loss has not fallen for as long as `patience`."""
        patience = self.config.patience
        if not patience or len(self.curve) <= patience:
            return False
        losses = [entry["loss"] for entry in self.curve]
        return min(losses[-patience:]) >= min(losses[:-patience])

    def update(self) -> None:
        """One step on one batch.

        Raises:
            TaskError: the loss is not finite.
        """
        config, place = self.config, self._place()
        batch = self.batches[place]
        target = self._target(place, batch)
        with torch.enable_grad():
            gates = config.gate.sample(self.parameters, self.noise)
            sizes = config.gate.size(self.parameters)
            logits = self._logits(batch, gates)
            kept = OBJECTIVES[config.objective](logits, batch, target).mean()
            loss = kept + config.size.loss(sizes, self.universe, self.step, self.multipliers)
        if not math.isfinite(loss.item()):
            raise TaskError(
                f"the loss is {loss.item()} at step {self.step}: lower the learning rate, or check "
                "the model for NaN"
            )
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.param_groups[0]["lr"] = self._rate()
        self.optimizer.step()
        with torch.no_grad():
            config.gate.bound_(self.parameters)
            share = float((self.parameters > config.gate.threshold).float().mean())
        self.curve.append({"loss": loss.item(), "objective": kept.item(), "share": share})
        self.step += 1

    def result(self) -> LearnedMask:
        """The mask as it is now."""
        config = self.config
        origin = {
            "method": "mask",
            "config": asdict(config) | {"gate": _named(config.gate), "size": _named(config.size)},
            "split": self.split.name,
            "n": len(self.split),
            "steps": self.step,
        }
        values = self.parameters.detach().float().cpu() - config.gate.threshold
        scores = Scores(self.universe, values, self.model.fingerprint, origin)
        return LearnedMask(scores, scores.positive(), self.curve)

    def save(self, path: Path) -> None:
        """Write all that training needs to go on."""
        save_state(path, self)

    def resume(self, path: Path) -> None:
        """Go on from `save`, if there is such a file."""
        if path.is_file():
            load_state(path, self)

    def _place(self) -> int:
        """Which batch this step takes: every epoch another order, the same for the same seed."""
        epoch, place = divmod(self.step, len(self.batches))
        generator = torch.Generator().manual_seed(1_000_003 * self.config.seed + epoch)
        return int(torch.randperm(len(self.batches), generator=generator)[place])

    def _rate(self) -> float:
        config = self.config
        rate = config.learning_rate * min((self.step + 1) / max(config.warm_up, 1), 1.0)
        return rate * (1 - self.step / config.steps) if config.decay else rate

    def _target(self, place: int, batch: Batch) -> Tensor:
        """The full model's log probabilities at the answer; run once."""
        if place not in self.full:
            with torch.no_grad():
                logits = self.model.logits(batch.tokens, keep=batch.answer_length)
            self.full[place] = logits.float().log_softmax(-1)
        return self.full[place]

    def _logits(
        self, batch: Batch, gates: Float[Tensor, " nodes"]
    ) -> Float[Tensor, "rows length vocab"]:
        fill, after = self.replacement, None
        if self.partners is not None:
            partner = self.partners.run(batch)
            fill, after = partner.replacement, partner.prefix
        with restrict(self.model, self.universe.expand(gates), fill):
            return self.model.logits(batch.tokens, keep=batch.answer_length, after=after)


def _named(part: Any) -> dict[str, Any]:
    return {"name": part.name} | asdict(part)
