"""Rows of token ids in batches of like lengths."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Int
from torch import Tensor


def batches(rows: Sequence[Sequence[int]], size: int) -> Iterator[list[int]]:
    """Places of rows of like lengths, the longest first: if memory is short, it shows at once."""
    order = sorted(range(len(rows)), key=lambda place: -len(rows[place]))
    for start in range(0, len(order), size):
        yield order[start : start + size]


def padded(
    rows: Sequence[Sequence[int]], device: torch.device
) -> tuple[Int[Tensor, "rows longest"], Int[Tensor, " rows"] | None]:
    """Rows with padding on the left, and how much each has; None if none has any."""
    longest = max(map(len, rows))
    padding = [longest - len(row) for row in rows]
    ids = [[0] * empty + list(row) for empty, row in zip(padding, rows, strict=True)]
    return (
        torch.tensor(ids, device=device),
        torch.tensor(padding, device=device) if any(padding) else None,
    )
