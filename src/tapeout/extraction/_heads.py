"""Which heads an attention block keeps, when some are dropped and groups come out uneven."""

from collections import Counter
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

PADDING = -1


@dataclass(frozen=True)
class HeadLayout:
    """Query heads in their new order, and the key/value head of each group.

    Attributes:
        query: old query heads; `PADDING` for one that is all zeros.
        key_value: old key/value heads, possibly repeated.
    """

    query: tuple[int, ...]
    key_value: tuple[int, ...]

    @property
    def groups(self) -> int:
        """Query heads per key/value head."""
        return len(self.query) // len(self.key_value)

    def channels(self, which: str, head_dim: int) -> Int[Tensor, " channels"]:
        """Old channels of the chosen `query` or `key_value` heads; -1 throughout for padding."""
        heads = torch.tensor(getattr(self, which))
        channels = heads[:, None] * head_dim + torch.arange(head_dim)
        return torch.where(heads[:, None] >= 0, channels, PADDING).flatten()


def arrange(kept: list[int], group: int) -> HeadLayout:
    """The cheapest exact layout of the kept query heads.

    Attention code wants equally many query heads for each key/value head. If the kept ones come
    out so, nothing is added. Else either each query head gets its key/value head to itself
    (repeated), or the smaller groups are filled up with query heads of zeros, whichever needs
    fewer weights.

    Args:
        kept: old query heads, ascending.
        group: query heads per key/value head in the old block.
    """
    per_kv = Counter(head // group for head in kept)
    widest = max(per_kv.values())
    padded: list[int] = []
    for kv in sorted(per_kv):
        own = [head for head in kept if head // group == kv]
        padded += own + [PADDING] * (widest - len(own))
    # each query head costs its query rows and output columns, each key/value head its two rows
    cost_padded = 2 * len(padded) + 2 * len(per_kv)
    cost_repeated = 2 * len(kept) + 2 * len(kept)
    if cost_padded <= cost_repeated:
        return HeadLayout(tuple(padded), tuple(sorted(per_kv)))
    return HeadLayout(tuple(kept), tuple(head // group for head in kept))
