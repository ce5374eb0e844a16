"""How good runs are that start in one model and end in the other, at every place."""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from ...models import Model
from ._bridge import Bridges
from ._hybrid import Entering, Sublayers, paired
from ._losses import Wanted, nmse


@dataclass(frozen=True)
class Crossed:
    """Runs that went over at every place.

    Attributes:
        loss: cross-entropy in nats a token.
        kl: from the dense model's predictions, in nats a token.
        error: normalised mean squared error of what the bridges gave.
    """

    loss: Float[Tensor, "windows places"]
    kl: Float[Tensor, "windows places"]
    error: Float[Tensor, "windows places"]


@dataclass(frozen=True)
class Crossings:
    """Both models alone, and all runs from one into the other, by window.

    Attributes:
        dense, sparse: cross-entropy in nats a token of each model alone.
        to_sparse, to_dense: of the runs that end in that model.
        tokens: how many were predicted.
    """

    dense: Float[Tensor, " windows"]
    sparse: Float[Tensor, " windows"]
    to_sparse: Crossed
    to_dense: Crossed
    tokens: int


@torch.no_grad()
def crossings(
    dense: Model,
    sparse: Model,
    bridges: Bridges,
    windows: Int[Tensor, "windows pos"],
    *,
    batch_size: int = 4,
) -> Crossings:
    """Go over at every place in both directions, on windows that nothing was trained on.

    Args:
        windows: text; the loss is on all but the first token.
        batch_size: windows at once; each is run from every place in both directions.

    Raises:
        ModelError: the models do not fit each other, or the bridges are not theirs.
    """
    bridges.check(dense, sparse)
    one, two = paired(dense, sparse)
    parts: list[Crossings] = []
    with dense.frozen(), sparse.frozen():
        for rows in windows.to(dense.device).split(batch_size):
            parts.append(_part(one, two, bridges, rows))
    return Crossings(
        dense=torch.cat([part.dense for part in parts]),
        sparse=torch.cat([part.sparse for part in parts]),
        to_sparse=_joined([part.to_sparse for part in parts]),
        to_dense=_joined([part.to_dense for part in parts]),
        tokens=windows[:, 1:].numel(),
    )


def _joined(parts: list[Crossed]) -> Crossed:
    names = [field.name for field in fields(Crossed)]
    return Crossed(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})


def _part(dense: Sublayers, sparse: Sublayers, bridges: Bridges, rows: Tensor) -> Crossings:
    ids, following = rows[:, :-1], rows[:, 1:]
    own, other = dense.run(ids), sparse.run(ids)
    wanted = Wanted.of(own.logits)

    def crossed(into: Sublayers, streams: list[Tensor], aims: list[Tensor]) -> Crossed:
        entering = [Entering(at, slice(None), stream) for at, stream in enumerate(streams)]
        logits = into.run(ids, entering, own=False).logits.split(len(ids))
        errors = [nmse(*pair).expand(len(ids)) for pair in zip(streams, aims, strict=True)]
        return Crossed(
            loss=torch.stack([_loss(part, following) for part in logits], dim=1).cpu(),
            kl=torch.stack([wanted.kl(part).mean(dim=1) for part in logits], dim=1).cpu(),
            error=torch.stack(errors, dim=1).cpu(),
        )

    encoded = [bridge.encode(s) for bridge, s in zip(bridges, own.streams, strict=True)]
    decoded = [bridge.decode(s) for bridge, s in zip(bridges, other.streams, strict=True)]
    return Crossings(
        dense=_loss(own.logits, following).cpu(),
        sparse=_loss(other.logits, following).cpu(),
        to_sparse=crossed(sparse, encoded, other.streams),
        to_dense=crossed(dense, decoded, own.streams),
        tokens=following.numel(),
    )


def _loss(logits: Tensor, following: Tensor) -> Tensor:
    """Cross-entropy of every window, in nats a token."""
    return cross_entropy(logits.float().transpose(1, 2), following, reduction="none").mean(dim=1)
