"""The groups of answer positions that audits report: all, by place in the answer, by stratum."""

from collections import Counter
from collections.abc import Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from ...tasks import Batch, Split
from .._strata import stratum_names

Group = tuple[str, str]
"""What divides, and the part: ("all", "all"), ("answer token", "1"), ("carry", "none")."""

ALL: Group = ("all", "all")
TOKEN = "answer token"
"""Counted from 1; activations are read where that token is predicted."""


def group_sizes(split: Split, strata: Sequence[str] | None = None) -> dict[Group, int]:
    """Answer positions in every group of a split, in the order in which they are reported.

    Args:
        split: the examples.
        strata: names of strata; None for all that the examples have.

    Raises:
        TaskError: no example has such a stratum.
    """
    names = stratum_names(split, strata)
    counts: Counter[Group] = Counter()
    for item, example in zip(split.encoded, split.examples, strict=True):
        length = len(item.answers[0])
        counts[ALL] += length
        counts.update((TOKEN, str(place + 1)) for place in range(length))
        for name in names:
            if name in example.strata:
                counts[name, example.strata[name]] += length
    order = ["all", TOKEN, *names]
    return {group: counts[group] for group in sorted(counts, key=lambda g: (order.index(g[0]), g))}


def members(batch: Batch, groups: Sequence[Group]) -> dict[Group, Bool[Tensor, "rows length"]]:
    """Which answer positions of a batch belong to each of these groups."""
    shape = (len(batch), batch.answer_length)
    found: dict[Group, Tensor] = {}
    for name, value in groups:
        if (name, value) == ALL:
            chosen = torch.ones(shape, dtype=torch.bool)
        elif name == TOKEN:
            chosen = (torch.arange(shape[1]) == int(value) - 1).expand(shape)
        else:
            rows = [example.strata.get(name) == value for example in batch.examples]
            chosen = torch.tensor(rows)[:, None].expand(shape)
        if bool(chosen.any()):
            found[name, value] = chosen
    return found
