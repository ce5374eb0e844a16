"""Which channel to steer, and which to compare it with."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ...errors import TaskError
from ...tasks import Split
from ._steer import Channel, Steering, pairs_of


def effects(
    steering: Steering, split: Split, *, size: int = 64
) -> list[Float[Tensor, " channels"]]:
    """By place and channel, how far steering it would turn the dense model, to first order.

    The difference between the two prompts of a pair along the channel's row of the bridge, times
    the gradient of the other answer's logit less the own one's where the dense model reads it:
    attribution patching (arXiv 2310.10348), which takes one backward pass for all channels. Summed
    over tokens, the mean over pairs; 0 for a channel that tells no pair apart.

    Raises:
        TaskError: a prompt has no counterfactual, or not an answer of one token to both.
    """
    totals = [torch.zeros(len(rows), device=rows.device) for rows in steering.maps]
    for batch, ids in pairs_of(split, size):
        assert batch.partners is not None
        found = steering.differences(batch.tokens, batch.partners)
        slopes = steering.slopes(batch.tokens, ids.to(steering.dense.device))
        for total, rows, some, slope in zip(totals, steering.maps, found, slopes, strict=True):
            along = slope.to(rows) @ rows.T
            total += (some.to(along) * along).sum(dim=(0, 1))
    return [total / len(split) for total in totals]


def largest(sizes: Sequence[Tensor], count: int) -> list[Channel]:
    """The channels of the largest sizes, of all places; those of none or below are left out.

    Raises:
        TaskError: there is none.
    """
    row = torch.cat([some.cpu() for some in sizes])
    names = [
        Channel(place, index) for place, some in enumerate(sizes) for index in range(len(some))
    ]
    order = row.argsort(descending=True, stable=True)[:count].tolist()
    chosen = [names[at] for at in order if row[at] > 0]
    if not chosen:
        raise TaskError("no channel of the sparse model tells the two prompts of a pair apart")
    return chosen


def most_moving(
    steering: Steering, split: Split, channels: Sequence[Channel], *, size: int = 64
) -> tuple[Channel, list[float]]:
    """The channel that turns the dense model most towards the other answer, and how far each does.

    Fully patched; a move is the mean rise of the other answer's part of both.
    """
    moves = []
    for channel in channels:
        none, full = steering.answers(split, [channel], (0.0, 1.0), size=size)
        moves.append((full.between - none.between).mean().item())
    return channels[max(range(len(moves)), key=moves.__getitem__)], moves


def controls(
    sizes: Sequence[Tensor], channel: Channel, count: int, *, seed: int = 0
) -> list[Channel]:
    """Random other channels of those that are not 0: of the same place, then of the others."""
    generator, drawn = torch.Generator().manual_seed(seed), list[Channel]()
    for place in sorted(range(len(sizes)), key=lambda at: at != channel.place):
        free = [Channel(place, int(at)) for at in sizes[place].nonzero()[:, 0]]
        free = [some for some in free if some != channel]
        drawn += [free[at] for at in torch.randperm(len(free), generator=generator).tolist()]
    return drawn[:count]
