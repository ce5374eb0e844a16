"""The one training loop of every learned mask."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from ...checkpoint import train
from ...circuits import Circuit, EdgeCircuit, EdgeScores, Scores, Universe
from ...errors import TaskError
from ...interventions import Mean, Pasts, edges_of
from ...models import Model
from ...tasks import Batch, Loss, Shuffled, Split
from ._checkpoint import load_state, save_state
from ._config import MaskConfig
from ._subjects import Edges, Subject, nodes_of

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class LearnedEdges:
    """What training a mask of edges gives; see `LearnedMask`."""

    scores: EdgeScores
    circuit: EdgeCircuit
    curve: list[dict[str, float]]


@dataclass(frozen=True)
class LearnedMask:
    """What training a mask gives.

    Attributes:
        scores: the parameters, less what opens a gate by half: above 0 a node is kept.
        circuit: the nodes whose gate ends open.
        curve: by step: `loss`, `objective` (mean over the batch), `share` (of open gates),
            `changed` (how many of them opened or closed).
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
    pasts: Pasts | None = None,
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
        pasts: what `positions="last"` starts behind, to share it between masks.
        config: how; or its fields as keyword arguments.
        checkpoint: a file to go on from and to save to, as the training goes.
        progress: called with the steps done and all of them.

    Raises:
        TaskError: the examples lack what the objective or the replacement needs, or the loss is no
            longer finite.
        CircuitError: the universe does not exist in this model.
        InterventionError: mean replacement without means.
        RunError: the checkpoint is damaged, or of another training.
    """
    config = config or MaskConfig(**options)
    subject = nodes_of(model, universe, config, means, pasts)
    learner = _trained(subject, split, config, checkpoint, progress)
    scores = learner.result()
    assert isinstance(scores, Scores)
    return LearnedMask(scores, scores.positive(), learner.curve)


def learn_edges(
    model: Model,
    split: Split,
    *,
    config: MaskConfig | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> LearnedEdges:
    """Learn which edges a task needs, as Edge Pruning does (Bhaskar et al. 2024).

    Args:
        model: the model; it is not changed.
        split: the examples, as a rule `task.train`; each needs a counterfactual.
        config: how; or its fields as keyword arguments. The replacement is the counterfactual.
        checkpoint: a file to go on from and to save to, as the training goes.
        progress: called with the steps done and all of them.

    Raises:
        TaskError: the examples lack what the objective needs or a counterfactual, or the loss is
            no longer finite.
        CircuitError: the family has no edges of heads.
    """
    config = config or MaskConfig(**options)
    if config.replacement != "counterfactual":
        raise TaskError("edges are learned under counterfactual replacement only")
    subject = Edges(model, edges_of(model))
    learner = _trained(subject, split, config, checkpoint, progress)
    scores = learner.result()
    assert isinstance(scores, EdgeScores)
    return LearnedEdges(scores, scores.positive(), learner.curve)


def _trained(
    subject: Subject,
    split: Split,
    config: MaskConfig,
    checkpoint: Path | None,
    progress: Progress | None,
) -> "Learner":
    learner = Learner(subject, split, config)
    with subject.model.frozen():
        train(
            learner,
            config.steps,
            checkpoint=checkpoint,
            save_every=config.save_every,
            progress=progress,
            settled=lambda: learner.settled,
        )
    return learner


class Learner:
    """A mask in training."""

    def __init__(self, subject: Subject, split: Split, config: MaskConfig) -> None:
        config.size.check(subject.parts)
        self.subject, self.split, self.config = subject, split, config
        self.batches = Shuffled(subject.batches(split, config.batch_size), config.seed)
        self.noise = torch.Generator().manual_seed(config.seed)
        self.parameters = config.gate.start(subject.size, self.noise).requires_grad_()
        self.multipliers = config.size.multipliers().requires_grad_()
        groups = [{"params": [self.parameters], "lr": config.learning_rate}]
        if len(self.multipliers):
            rate = {"lr": config.size.rate, "weight_decay": 0.0}
            groups.append({"params": [self.multipliers], "maximize": True} | rate)
        self.optimizer = torch.optim.AdamW(
            groups, lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.loss = Loss(subject.model, config.objective)
        self.step = 0
        self.curve: list[dict[str, float]] = []

    @property
    def settled(self) -> bool:
        """The loss has not fallen for as long as `patience`, or the kept set is `unchanged`."""
        return self._stalled() or self._still()

    def _stalled(self) -> bool:
        patience = self.config.patience
        if not patience or len(self.curve) <= patience:
            return False
        losses = [entry["loss"] for entry in self.curve]
        return min(losses[-patience:]) >= min(losses[:-patience])

    def _still(self) -> bool:
        changed = [entry["changed"] for entry in self.curve]
        steps = self.config.unchanged
        return steps > 0 and not any(changed[-steps:]) and any(changed)

    def update(self) -> None:
        """One step on one batch.

        Raises:
            TaskError: the loss is not finite.
        """
        config, batch = self.config, self.batches.at(self.step)
        self.optimizer.zero_grad()
        with torch.enable_grad():
            gates = config.gate.sample(self.parameters, self.noise)
            kept, slope = self._kept(batch, gates.detach())
            sizes = config.gate.size(self.parameters)
            size = config.size.loss(sizes, self.subject.parts, self.step, self.multipliers)
            torch.autograd.backward([gates, size], [slope, None])
        loss = kept + size.item()
        if not math.isfinite(loss):
            raise TaskError(
                f"the loss is {loss} at step {self.step}: lower the learning rate, or check "
                "the model for NaN"
            )
        self.optimizer.param_groups[0]["lr"] = self._rate()
        before = self._open()
        self.optimizer.step()
        with torch.no_grad():
            config.gate.bound_(self.parameters)
        now = self._open()
        entry = {"loss": loss, "objective": kept, "share": float(now.float().mean())}
        self.curve.append(entry | {"changed": float((now != before).sum())})
        self.step += 1

    def _kept(self, batch: Batch, gates: Tensor) -> tuple[float, Tensor]:
        """The objective's mean over a batch, and its gradient by the gates, part by part."""
        gates.requires_grad_()
        total = 0.0
        for part in batch.parts(self.config.tokens_at_once):
            logits = self.subject.logits(part, gates)
            loss = self.loss.of(logits, part).sum() / len(batch)
            loss.backward()
            total += loss.item()
        return total, torch.zeros_like(gates) if gates.grad is None else gates.grad

    def result(self) -> Scores | EdgeScores:
        """The mask as it is now: parameters less what opens a gate by half."""
        config = self.config
        origin = {
            "method": "mask",
            "config": asdict(config) | {"gate": _named(config.gate), "size": _named(config.size)},
            "split": self.split.name,
            "n": len(self.split),
            "steps": self.step,
        }
        values = self.parameters.detach().float().cpu() - config.gate.threshold
        return self.subject.scores(values, origin)

    def save(self, path: Path) -> None:
        """Write all that training needs to go on."""
        save_state(path, self)

    def resume(self, path: Path) -> None:
        """Go on from `save`, if there is such a file."""
        if path.is_file():
            load_state(path, self)

    def _open(self) -> Bool[Tensor, " gates"]:
        return self.parameters.detach() > self.config.gate.threshold

    def _rate(self) -> float:
        config = self.config
        rate = config.learning_rate * min((self.step + 1) / max(config.warm_up, 1), 1.0)
        if config.drop_every:
            rate *= config.drop_to ** (self.step // config.drop_every)
        return rate * (1 - self.step / config.steps) if config.decay else rate


def _named(part: Any) -> dict[str, Any]:
    return {"name": part.name} | asdict(part)
