"""A batch of token sequences, padded on the left."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Tokens:
    """Token sequences of one batch, padded on the left so that their ends are aligned.

    Attributes:
        ids: shape [batch, pos].
        mask: 1 where there is a token, 0 where there is padding; None if there is no padding,
            which lets attention take its faster path.
    """

    ids: Int[Tensor, "batch pos"]
    mask: Int[Tensor, "batch pos"] | None = None

    @classmethod
    def pad(cls, rows: Sequence[Sequence[int]], pad_id: int = 0) -> "Tokens":
        longest = max(len(row) for row in rows)
        ids = torch.tensor([[pad_id] * (longest - len(row)) + list(row) for row in rows])
        lengths = torch.tensor([len(row) for row in rows])
        if bool((lengths == longest).all()):
            return cls(ids)
        mask = torch.arange(longest)[None] >= (longest - lengths)[:, None]
        return cls(ids, mask.long())

    @property
    def position_ids(self) -> Int[Tensor, "batch pos"] | None:
        """Each token's place in its own sequence; None where that is its place in the batch."""
        if self.mask is None:
            return None
        return (self.mask.cumsum(dim=1) - 1).clamp(min=0)

    @property
    def full_mask(self) -> Int[Tensor, "batch pos"]:
        return torch.ones_like(self.ids) if self.mask is None else self.mask

    def to(self, device: torch.device) -> "Tokens":
        return Tokens(self.ids.to(device), None if self.mask is None else self.mask.to(device))

    def stack(self, other: "Tokens") -> "Tokens":
        """The rows of both, for sequences of one padded length."""
        ids = torch.cat([self.ids, other.ids])
        if self.mask is None and other.mask is None:
            return Tokens(ids)
        return Tokens(ids, torch.cat([self.full_mask, other.full_mask]))

    def rows(self, chosen: slice) -> "Tokens":
        """Some of the rows, padded as they are."""
        return Tokens(self.ids[chosen], None if self.mask is None else self.mask[chosen])

    def __len__(self) -> int:
        return len(self.ids)
