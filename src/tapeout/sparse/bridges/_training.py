"""Training a sparse model together with the bridges that join it to a frozen dense one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from ...checkpoint import train
from ...errors import ModelError
from ...models import Model
from .._config import SparseTraining
from .._projection import count, least_density
from .._trainer import SparseTrainer, Windows, averaged
from .._training import Trained
from ._bridge import Bridges
from ._hybrid import Entering, Sublayers, paired
from ._losses import Wanted, nmse

Progress = Callable[[int, int], None]

TRACKED = 0.1
"""How much of its size in a step the size of the sparse stream moves by."""


@dataclass(frozen=True, kw_only=True)
class BridgeTraining(SparseTraining):
    """Settings of a training with bridges.

    Attributes:
        nmse, to_sparse, to_dense: what the three losses weigh beside cross-entropy, which weighs
            1: errors of encoders and decoders, KL of runs that go over to the sparse model, and
            of those that go over to the dense one.
        bridge_share: of the sparse stream's channels that encoders keep.
        bridge_rate: AdamW's learning rate for bridges; it rises and falls as the model's does,
            but not with the density.
        crossing: windows of a batch that go over at each place in a step, others at every place;
            0 for all. The losses' means are the same, with more noise the fewer there are.

    Raises:
        ModelError: a number makes no sense.

    Source: weight-sparse transformers, appendix A.3, which names no weights of the losses.
    """

    nmse: float = 1.0
    to_sparse: float = 1.0
    to_dense: float = 1.0
    bridge_share: float = 0.25
    bridge_rate: float = 2e-3
    crossing: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("nmse", "to_sparse", "to_dense", "crossing"):
            if getattr(self, name) < 0:
                raise ModelError(f"{name} cannot be {getattr(self, name)}")
        if not self.bridge_rate > 0:
            raise ModelError(f"bridge_rate must be above 0, not {self.bridge_rate}")
        if self.method != "topk":
            raise ModelError("bridges are trained with method: topk")


@dataclass(frozen=True)
class Bridged:
    """What a training gives.

    Attributes:
        trained: the sparse model and its training; the curve also has `nmse`, `to_sparse` and
            `to_dense`, sums over places, in a group of processes those of the first.
        sparse: a handle on that model.
        bridges: of the dense and this model.
    """

    trained: Trained
    sparse: Model
    bridges: Bridges


def train_bridges(
    dense: Model,
    sparse: Model,
    windows: Windows,
    config: BridgeTraining | None = None,
    *,
    validation: Tensor | None = None,
    seed: int = 0,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> Bridged:
    """Train a copy of a sparse model, and bridges between it and a dense model.

    Losses are those of the paper: cross-entropy of the sparse model; at every place the errors of
    encoder and decoder; and KL from the dense model's predictions to those of every run that
    starts in one model and ends in the other. Errors train the bridges alone (section 2.3 says
    that they train those, and KL the sparse weights). The dense model stays as it is.

    Args:
        dense: of any family whose sublayers follow each other.
        sparse: a weight-sparse transformer with as many layers and the same tokenizer.
        windows: tokens by step, shape [batch, pos].
        validation: windows to measure the loss on.
        seed: of the bridges.
        checkpoint, progress: see `train_sparse`.

    Raises:
        ModelError: the models do not fit each other, or the loss is no longer finite.
        RunError: the checkpoint is damaged, or of another training.

    Source: weight-sparse transformers, section 2.3 and appendix A.3.
    """
    config = config or BridgeTraining()
    trainer = BridgeTrainer(dense, sparse, windows, config, validation, seed)
    every = {"checkpoint": checkpoint, "save_every": config.save_every, "progress": progress}
    train(trainer, config.steps, **every)
    model = sparse.sibling(trainer.finished(), sparse.name)
    trainer.bridges.weights = dense.fingerprint.weights, model.fingerprint.weights
    possible = least_density(trainer.sparse, config.floor)
    counts = count(trainer.sparse)
    trained = Trained(model.hf, counts, trainer.curve, config.density, possible)
    return Bridged(trained, model, trainer.bridges.eval())


class BridgeTrainer(SparseTrainer):
    """A training under way."""

    config: BridgeTraining

    def __init__(
        self,
        dense: Model,
        sparse: Model,
        windows: Windows,
        config: BridgeTraining,
        validation: Tensor | None,
        seed: int,
    ) -> None:
        paired(dense, sparse)
        super().__init__(sparse.hf, windows, config, validation)
        self.dense, self.ours = Sublayers(dense), Sublayers(sparse.sibling(self.model, sparse.name))
        sizes = len(self.dense), self.dense.width, self.ours.width
        bridges = Bridges(*sizes, share=config.bridge_share, seed=seed)
        self.bridges = bridges.to(self.model.device)
        self._measure_streams(windows.at(0)[:, :-1])
        own = {f"bridge.{name}": p for name, p in self.bridges.named_parameters()}
        self.trained |= own
        self.optimizer.add_param_group(
            {"params": list(own.values()), "eps": 1e-8, "weight_decay": 0.0}
        )
        self.bridge_schedule = replace(self.schedule, density=1.0, learning_rate=config.bridge_rate)
        self.terms: dict[str, Tensor] = {}
        self.sizes = torch.ones(len(bridges), device=self.model.device)

    def update(self) -> None:
        self.optimizer.param_groups[1]["lr"] = self.bridge_schedule.rate_at(self.step)
        super().update()
        averaged(self.sizes)
        for bridge, size in zip(self.bridges, self.sizes, strict=True):
            bridge.sparse_rms.lerp_(size, TRACKED)
        self.curve[-1] |= {name: term.item() for name, term in self.terms.items()}

    def _penalty(self) -> Tensor:
        weights = vars(self.config)
        return torch.stack([weights[name] * term for name, term in self.terms.items()]).sum()

    def _loss(self, rows: Tensor) -> Tensor:
        if not self.model.training:
            return super()._loss(rows)
        rows = rows.to(self.model.device)
        half = self.config.precision == "bfloat16"
        cast = torch.autocast(self.model.device.type, torch.bfloat16, enabled=half)
        with cast, self.dense.model.frozen():
            own, self.terms = self._both(rows[:, :-1])
        return cross_entropy(own.float().flatten(0, 1), rows[:, 1:].flatten())

    def _both(self, ids: Int[Tensor, "batch pos"]) -> tuple[Tensor, dict[str, Tensor]]:
        """The sparse model's own logits, and the three losses."""
        with torch.no_grad():
            dense = self.dense.run(ids)
        wanted = Wanted.of(dense.logits)
        encoded = [self.bridges[i].encode(stream) for i, stream in enumerate(dense.streams)]
        crossing = self._crossing(len(ids))
        wants = [wanted.rows(rows) for rows in crossing]
        counts = [len(some.entropy) for some in wants]
        ours = self.ours.run(ids, _entering(encoded, crossing))
        self.sizes = _rms(ours.streams)
        decoded = [self.bridges[i].decode(stream) for i, stream in enumerate(ours.streams)]
        back = self.dense.run(ids, _entering(decoded, crossing), own=False)
        own, *crossed = ours.logits.split([len(ids), *counts])
        pairs = [*zip(encoded, ours.streams, strict=True)]
        settled = [self.bridges[i].decode(s.detach()) for i, s in enumerate(ours.streams)]
        pairs += zip(settled, dense.streams, strict=True)
        return own, {
            "nmse": torch.stack([nmse(*pair) for pair in pairs]).sum(),
            "to_sparse": _kl(wants, crossed),
            "to_dense": _kl(wants, back.logits.split(counts)),
        }

    def _crossing(self, rows: int) -> list[Tensor | slice]:
        """Which rows go over at each place; the next step's are one further on."""
        count = self.config.crossing
        if not 0 < count < rows:
            return [slice(None)] * len(self.bridges)
        some = torch.arange(count, device=self.model.device) + self.step
        return [(some + place * count) % rows for place in range(len(self.bridges))]

    @torch.no_grad()
    def _measure_streams(self, ids: Int[Tensor, "rows pos"]) -> None:
        """Give the bridges the sizes that both streams begin with; the dense one's stay."""
        sizes = [
            _rms(some.run(ids.to(self.model.device)).streams) for some in (self.dense, self.ours)
        ]
        for bridge, dense, sparse in zip(self.bridges, *sizes, strict=True):
            bridge.dense_rms.copy_(dense)
            bridge.sparse_rms.copy_(sparse)

    def _state(self) -> dict[str, Tensor]:
        return super()._state() | {f"bridge.{n}": b for n, b in self.bridges.named_buffers()}

    def _marks(self) -> dict[str, Any]:
        return super()._marks() | {"dense": self.dense.model.fingerprint.weights}


def _entering(streams: list[Tensor], crossing: list[Tensor | slice]) -> list[Entering]:
    pairs = enumerate(zip(crossing, streams, strict=True))
    return [Entering(place, rows, stream[rows]) for place, (rows, stream) in pairs]


def _kl(wants: list[Wanted], logits: Sequence[Tensor]) -> Tensor:
    """The sum over places of the mean over their positions."""
    parts = [wanted.kl(part).mean() for wanted, part in zip(wants, logits, strict=True)]
    return torch.stack(parts).sum()


@torch.no_grad()
def _rms(streams: Sequence[Tensor]) -> Float[Tensor, " places"]:
    """Root mean square at every place, averaged over tokens."""
    return torch.stack([s.float().square().mean(dim=-1).sqrt().mean() for s in streams])
