"""AbsTopK: keep the entries of largest magnitude, exactly as many as asked for.

This file needs only PyTorch and NumPy; it goes along with the weight-sparse model's own file.
"""

import numpy as np
import torch
from torch import Tensor

BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Integers as wide as a floating point type: without their sign they order magnitudes."""


def abs_topk(x: Tensor, k: int) -> Tensor:
    """Zero all but the `k` entries of largest magnitude along the last axis.

    Of entries of equal magnitude the first are kept. NaN counts as larger than infinity, as in
    `torch.topk`, so it is kept and seen; infinite entries that find no room become NaN. Gradients
    reach the kept entries and no others.

    Args:
        x: of any floating point type; shape [..., width].
        k: entries to keep in every row; from `width` on `x` itself comes back.

    Returns:
        The same shape and type.

    Raises:
        TypeError: the tensor is not of a floating point type.
        ValueError: `k` is negative.

    Source: weight-sparse transformers, appendix A.1.
    """
    return x if k >= x.shape[-1] else x * abs_topk_mask(x, k)


def abs_topk_mask(x: Tensor, k: int) -> Tensor:
    """Which entries `abs_topk` keeps: booleans of `x`'s shape, `k` of them true in every row.

    Raises:
        TypeError, ValueError: as `abs_topk`.
    """
    if not x.is_floating_point():
        raise TypeError(f"AbsTopK takes floating point numbers, not {x.dtype}")
    if k < 0:
        raise ValueError(f"cannot keep {k} entries: give a number of 0 or more")
    if not 0 < k < x.shape[-1] or not x.numel():
        return torch.full_like(x, k > 0, dtype=torch.bool)
    bits = BITS[x.element_size()]
    size = x.detach().view(bits).bitwise_and(torch.iinfo(bits).max)
    least = _by_partition(size, k) if x.is_cpu else _by_topk(size, k)
    kept = size >= least
    if x.is_cpu and np.count_nonzero(kept.numpy()) == k * (x.numel() // x.shape[-1]):
        return kept
    # some row has more entries of its smallest kept magnitude than there is room for
    above, ties = size > least, size == least
    room = k - above.sum(dim=-1, keepdim=True)
    return above | (ties & (ties.cumsum(dim=-1) <= room))


def _by_partition(size: Tensor, k: int) -> Tensor:
    """The k-th largest entry of every row; shape [..., 1].

    NumPy's quickselect is several times as fast as `torch.topk` on one CPU thread.
    """
    place = size.shape[-1] - k
    return torch.from_numpy(np.partition(size.numpy(), place, axis=-1)[..., place, None])


def _by_topk(size: Tensor, k: int) -> Tensor:
    """The same on any device."""
    return size.topk(k, dim=-1, sorted=False).values.amin(dim=-1, keepdim=True)
