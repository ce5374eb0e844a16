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


def largest(sizes: Sequence[Tensor], count: int, *, together: int = 1) -> list[list[Channel]]:
    """Sets of channels to try: each of the largest, with the largest others of its place.

    Args:
        sizes: by place and channel; those of 0 or below start no set.
        count: how many of the largest start one, of all places; sets that are the same count once.
        together: channels in a set, or as many as the place has.

    Raises:
        TaskError: no channel is above 0.
    """
    orders = [some.cpu().argsort(descending=True, stable=True).tolist() for some in sizes]
    row = torch.cat([some.cpu() for some in sizes])
    names = [
        Channel(place, index) for place, some in enumerate(sizes) for index in range(len(some))
    ]
    found: dict[frozenset[Channel], list[Channel]] = {}
    for at in row.argsort(descending=True, stable=True)[:count].tolist():
        if row[at] > 0:
            first = names[at]
            others = [index for index in orders[first.place] if index != first.index]
            own = [first, *(Channel(first.place, index) for index in others[: together - 1])]
            found.setdefault(frozenset(own), own)
    if not found:
        raise TaskError("no channel of the sparse model tells the two prompts of a pair apart")
    return list(found.values())


def most_moving(
    steering: Steering, split: Split, sets: Sequence[list[Channel]], *, size: int = 64
) -> tuple[list[Channel], list[float]]:
    """The set that turns the dense model most towards the other answer, and how far each does.

    Fully patched; a move is the mean rise of the other answer's part of both.
    """
    moves = []
    for channels in sets:
        none, full = steering.answers(split, channels, (0.0, 1.0), size=size)
        moves.append((full.between - none.between).mean().item())
    return sets[max(range(len(moves)), key=moves.__getitem__)], moves


def controls(
    sizes: Sequence[Tensor], chosen: Sequence[Channel], count: int, *, seed: int = 0
) -> list[list[Channel]]:
    """Disjoint random sets of as many channels that are neither 0 nor chosen: of the same place, as
    far as it has them, then of the others.
    """
    generator, sets = torch.Generator().manual_seed(seed), list[list[Channel]]()
    for place in sorted(range(len(sizes)), key=lambda at: at != chosen[0].place):
        free = [Channel(place, int(at)) for at in sizes[place].nonzero()[:, 0]]
        free = [some for some in free if some not in chosen]
        drawn = [free[at] for at in torch.randperm(len(free), generator=generator).tolist()]
        size = len(chosen)
        sets += [drawn[at : at + size] for at in range(0, len(drawn) - size + 1, size)]
    return sets[:count]


def label_of(channels: Sequence[Channel]) -> str:
    """Such as `1.attn.act_in.83 and 15 more`."""
    more = len(channels) - 1
    return f"{channels[0].name} and {more} more" if more else channels[0].name
