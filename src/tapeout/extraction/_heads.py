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

    @property
    def cost(self) -> int:
        """Weights per channel of a head: a query head has rows and output columns, a key/value
        head two sets of rows."""
        return 2 * len(self.query) + 2 * len(self.key_value)

    def widen(self, groups: int, key_values: int) -> "HeadLayout":
        """The same heads and zero heads, `groups` query heads to each of `key_values` others."""
        query: list[int] = []
        for place in range(len(self.key_value)):
            own = self.query[place * self.groups : (place + 1) * self.groups]
            query += [*own, *[PADDING] * (groups - len(own))]
        missing = key_values - len(self.key_value)
        query += [PADDING] * (groups * missing)
        return HeadLayout(tuple(query), self.key_value + (PADDING,) * missing)


def padded(kept: list[int], group: int) -> HeadLayout:
    """Every key/value head with as many query heads as the fullest one, zero heads filling up.

    Args:
        kept: old query heads, ascending.
        group: query heads per key/value head in the old block.
    """
    per_kv = Counter(head // group for head in kept)
    widest = max(per_kv.values())
    query: list[int] = []
    for kv in sorted(per_kv):
        own = [head for head in kept if head // group == kv]
        query += own + [PADDING] * (widest - len(own))
    return HeadLayout(tuple(query), tuple(sorted(per_kv)))


def repeated(kept: list[int], group: int) -> HeadLayout:
    """Every query head with a key/value head to itself."""
    return HeadLayout(tuple(kept), tuple(head // group for head in kept))


def cheapest(kept: list[int], group: int) -> HeadLayout:
    """The exact layout with the fewest weights.

    Attention code wants equally many query heads for each key/value head. If the kept ones come
    out so, nothing is added.
    """
    return min(padded(kept, group), repeated(kept, group), key=lambda layout: layout.cost)
