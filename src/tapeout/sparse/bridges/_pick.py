"""Which channel to steer, and which to compare it with."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ...errors import TaskError
from ...tasks import Split
from ._steer import Channel, Steering, pairs_of


def edit_sizes(
    steering: Steering, split: Split, *, size: int = 64
) -> list[Float[Tensor, " channels"]]:
    """By place and channel, how far steering it would move what the dense model reads.

    The difference between the two prompts of a pair, summed over tokens, times the length of the
    channel's row of the bridge; the mean over pairs.

    Raises:
        TaskError: a prompt has no counterfactual, or not an answer of one token to both.
    """
    totals = [torch.zeros(len(rows), device=rows.device) for rows in steering.maps]
    for batch, _ in pairs_of(split, size):
        assert batch.partners is not None
        found = steering.differences(batch.tokens, batch.partners)
        for total, difference in zip(totals, found, strict=True):
            total += difference.float().abs().sum(dim=(0, 1))
    lengths = [rows.float().norm(dim=1) for rows in steering.maps]
    return [some * length / len(split) for some, length in zip(totals, lengths, strict=True)]


def largest(sizes: Sequence[Tensor], count: int) -> list[Channel]:
    """The channels of the largest edits, of all places; those of no size are left out.

    Raises:
        TaskError: no channel differs between the prompts of a pair.
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
    """The channel that moves the dense model most towards the other answer, and how far each does.

    Fully patched; a move is the mean rise of the other answer's probability.
    """
    moves = []
    for channel in channels:
        none, full = steering.answers(split, channel, (0.0, 1.0), size=size)
        moves.append((full.other - none.other).mean().item())
    return channels[max(range(len(moves)), key=moves.__getitem__)], moves


def controls(
    sizes: Sequence[Tensor], channel: Channel, count: int, *, seed: int = 0
) -> list[Channel]:
    """Random other channels of the same place, of those that differ at all between prompts."""
    free = [int(at) for at in sizes[channel.place].nonzero()[:, 0] if at != channel.index]
    order = torch.randperm(len(free), generator=torch.Generator().manual_seed(seed))[:count]
    return [Channel(channel.place, free[at]) for at in order.tolist()]
