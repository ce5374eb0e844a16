"""AbsTopK: keep the entries of largest magnitude, exactly as many as asked for.

This file needs only PyTorch and NumPy; it goes along with the weight-sparse model's own file.
"""

import importlib
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Integers as wide as a floating point type: without their sign they order magnitudes."""

RUN = 512
"""The most numbers that NumPy sorts by a network of comparisons, where the processor has one:
several times as fast, number by number, as longer rows."""
AT_ONCE = 2**17
"""Numbers that are worked on together on a CPU, few enough for its cache."""
SAMPLE = 4096
"""Of a long row, the numbers that tell about where the k-th largest is."""


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
    if k >= x.shape[-1]:
        return x
    return x * abs_topk_mask(x, k).view(torch.uint8)  # booleans are slower to multiply by


def abs_topk_mask(x: Tensor, k: int) -> Tensor:
    """Which entries `abs_topk` keeps: booleans of `x`'s shape, `k` of them true in every row.

    On a GPU Triton's kernels find them where Triton is, else `torch.topk`.

    Raises:
        TypeError, ValueError: as `abs_topk`.
    """
    if not x.is_floating_point():
        raise TypeError(f"AbsTopK takes floating point numbers, not {x.dtype}")
    if k < 0:
        raise ValueError(f"cannot keep {k} entries: give a number of 0 or more")
    if not 0 < k < x.shape[-1] or not x.numel():
        return torch.full_like(x, k > 0, dtype=torch.bool)
    rows = x.detach().reshape(-1, x.shape[-1]).view(BITS[x.element_size()])
    if x.is_cpu:
        return torch.from_numpy(_by_numpy(rows.numpy(), k)).view(x.shape)
    return (_on_gpu if x.is_cuda else _by_torch)(rows, k).view(x.shape)


def _on_gpu(rows: Tensor, k: int) -> Tensor:
    kernels = _kernels()
    if kernels is None or not kernels.takes(rows):
        return _by_torch(rows, k)
    return kernels.largest(rows, k)


@cache
def _kernels() -> Any:
    """Those for GPUs; None where Triton is not, and in the copy of this file beside a model."""
    try:
        return importlib.import_module("._topk_triton", __package__)
    except ImportError:
        return None


def _by_torch(rows: Tensor, k: int) -> Tensor:
    """The mask on any device, from numbers whose sign bit does not count."""
    size = rows & torch.iinfo(rows.dtype).max
    least = size.topk(k, dim=-1, sorted=False).values.amin(dim=-1, keepdim=True)
    above, ties = size > least, size == least
    room = k - above.sum(dim=-1, keepdim=True)
    return above | (ties & (ties.cumsum(dim=-1, dtype=torch.int32) <= room))


def _by_numpy(rows: np.ndarray, k: int) -> np.ndarray:
    """The mask, from numbers whose sign bit does not count.

    NumPy's quickselect is several times as fast as `torch.topk` on one CPU thread.
    """
    kept = np.empty(rows.shape, dtype=bool)
    some = max(AT_ONCE // rows.shape[1], 1)
    for start in range(0, len(rows), some):
        size = rows[start : start + some] & np.iinfo(rows.dtype).max
        own = kept[start : start + some]
        least = _kth_largest(size, k)[:, None]
        np.greater_equal(size, least, out=own)
        if np.count_nonzero(own) > k * len(own):
            _leave_last_ties(own, size == least, k)
    return kept


def _leave_last_ties(kept: np.ndarray, ties: np.ndarray, k: int) -> None:
    """Where a row has more entries of its smallest kept magnitude than room, keep the first.

    So it is in every row where fewer than `k` channels are not zero.
    """
    count = np.count_nonzero(kept, axis=1)
    full = np.flatnonzero(count > k)
    ties = ties[full]
    room = k - count[full] + np.count_nonzero(ties, axis=1)
    kept[full] &= ~ties | (ties.cumsum(axis=1, dtype=np.int32) <= room[:, None])


def _kth_largest(size: np.ndarray, k: int) -> np.ndarray:
    """The k-th largest number of every row; shape [rows]."""
    width = size.shape[1]
    if len(size) == 1 and width > 4 * SAMPLE:
        return _from_sample(size[0], k)
    if width > RUN >= k:
        return _from_runs(size, k)
    return np.partition(size, width - k, axis=1)[:, width - k]


def _from_runs(size: np.ndarray, k: int) -> np.ndarray:
    """The same, from short runs that are sorted by themselves.

    Of two rising runs the k largest numbers are the larger ones of pairs: the k last of one
    against those of the other in falling order.
    """
    rows, width = size.shape
    count = 1 << (-(-width // RUN) - 1).bit_length()
    runs = np.full((rows, count * RUN), -1, size.dtype)
    runs[:, :width] = size
    runs = runs.reshape(rows, count, RUN)
    while runs.shape[1] > 1:
        runs.sort(axis=-1)
        runs = np.maximum(runs[:, 0::2, -k:], runs[:, 1::2, : -k - 1 : -1])
    return runs[:, 0].min(axis=-1)


def _from_sample(size: np.ndarray, k: int) -> np.ndarray:
    """The same of one long row, shape [1]: only what lies near the sample's is looked at closely.

    A sample that misleads costs time and changes nothing.
    """
    width = len(size)
    sample = np.sort(size[:: (width // SAMPLE) | 1])  # an odd step, as columns are often alike
    place, part = len(sample) * (1 - k / width), k / width
    slack = 4 * (len(sample) * part * (1 - part)) ** 0.5 + 2
    low = sample[max(int(place - slack), 0)]
    high = sample[min(int(place + slack), len(sample) - 1)]
    near = size[(size >= low) & (size <= high)]
    rank = k - np.count_nonzero(size > high)
    if not 0 < rank <= len(near):
        near, rank = size, k
    place = len(near) - rank
    return np.partition(near, place)[place : place + 1]
