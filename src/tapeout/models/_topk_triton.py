"""The largest magnitudes of every row on a GPU, exactly as many as asked for, in Triton.

Nothing waits for the GPU. Short rows are read once and bisected bit by bit in registers; one long
row, such as all weights of a matrix, is counted by eight bits at a time, the highest first, in six
passes. The tests run all of this in Triton's interpreter, on a CPU, or on a GPU where there is
one. Up to now it has been compiled for GPUs (compute capability 8.0 and 9.0), and has been run in
the interpreter only.
"""

# Triton's types know no options of a launch, and Triton is not everywhere
# pyright: reportCallIssue=false, reportMissingImports=false

from typing import no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

LONGEST = 2**14
"""Numbers of a row that one program holds in its registers."""
BLOCK = 4096
"""Numbers of a long row that one program reads."""
DIGIT = tl.constexpr(8)
DIGITS = tl.constexpr(256)


def takes(rows: Tensor) -> bool:
    """Whether `largest` does; else there is `torch.topk`."""
    count, width = rows.shape
    return rows.element_size() <= 4 and (width <= LONGEST or (count == 1 and width < 2**30))


def largest(rows: Tensor, k: int) -> Tensor:
    """Which `k` numbers of every row are largest, their sign bits apart; of equal ones the first.

    Args:
        rows: int16 or int32; shape [rows, width].
        k: at least 1, at most the width.

    Returns:
        Booleans of the same shape.
    """
    rows = rows if rows.stride(1) == 1 else rows.contiguous()
    kept = torch.empty(rows.shape, dtype=torch.uint8, device=rows.device)
    find = _largest_of_short if rows.shape[1] <= LONGEST else _largest_of_long
    with torch.cuda.device_of(rows):
        find(rows, k, kept)
    return kept.view(torch.bool)


def _largest_of_short(rows: Tensor, k: int, kept: Tensor) -> None:
    count, width = rows.shape
    block = triton.next_power_of_2(width)
    bits = 8 * rows.element_size() - 1
    warps = min(max(block // 512, 1), 16)
    _bisect[(count,)](rows, kept, k, width, rows.stride(0), bits, block, num_warps=warps)


def _largest_of_long(row: Tensor, k: int, kept: Tensor) -> None:
    width, bits = row.shape[1], 8 * row.element_size() - 1
    blocks = -(-width // BLOCK)
    shifts = range(bits // 8 * 8, -1, -8)
    # the highest bits of the k-th largest, and its rank among those that share them
    state = torch.zeros(2, dtype=torch.int32, device=row.device)
    state[1:].fill_(k)
    counts = torch.zeros(len(shifts), 256, dtype=torch.int32, device=row.device)
    for own, shift in zip(counts, shifts, strict=True):
        _count[(blocks,)](row, state, own, width, shift, bits, BLOCK, num_warps=8)
        _choose[(1,)](state, own)
    ties = torch.empty(blocks, dtype=torch.int32, device=row.device)
    _ties[(blocks,)](row, state, ties, width, bits, BLOCK, num_warps=8)
    before = ties.cumsum(0, dtype=torch.int32) - ties
    _keep[(blocks,)](row, state, before, kept, width, bits, BLOCK, num_warps=8)


@triton.jit
@no_type_check
def _sizes(bits_ptr, at, width, bits: tl.constexpr):
    """Numbers without their sign bits, and -1 beyond the end."""
    inside = at < width
    size = tl.load(bits_ptr + at, mask=inside, other=0).to(tl.int32)
    return tl.where(inside, size & ((1 << bits) - 1), -1)


@triton.jit
@no_type_check
def _bisect(bits_ptr, kept_ptr, k, width, stride, bits: tl.constexpr, block: tl.constexpr):
    """A row: the largest number that k others reach has the bits that can be set and leave k."""
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, block)
    size = _sizes(bits_ptr + row * stride, at, width, bits)
    least = tl.full((), 0, tl.int32)
    for place in range(bits):
        higher = least | (1 << (bits - 1 - place))
        least = tl.where(tl.sum((size >= higher).to(tl.int32)) >= k, higher, least)
    ties = (size == least).to(tl.int32)
    room = k - tl.sum((size > least).to(tl.int32))
    kept = (size > least) | ((ties > 0) & (tl.cumsum(ties, 0) <= room))
    tl.store(kept_ptr + row * width + at, kept.to(tl.uint8), mask=at < width)


@triton.jit
@no_type_check
def _count(
    bits_ptr,
    state_ptr,
    counts_ptr,
    width,
    shift: tl.constexpr,
    bits: tl.constexpr,
    block: tl.constexpr,
):
    """How often each digit follows the higher digits that are already known."""
    size = _sizes(bits_ptr, tl.program_id(0) * block + tl.arange(0, block), width, bits)
    digits = size >> shift  # in two steps, as a shift by 32 bits does nothing
    same = (size >= 0) & ((digits >> DIGIT) == tl.load(state_ptr))
    found = tl.histogram(digits & (DIGITS - 1), DIGITS, mask=same)
    tl.atomic_add(counts_ptr + tl.arange(0, DIGITS), found, mask=found > 0)


@triton.jit
@no_type_check
def _choose(state_ptr, counts_ptr):
    """The next digit of the k-th largest, and its rank among those that share it."""
    digits = tl.arange(0, DIGITS)
    counts = tl.load(counts_ptr + digits)
    known, rank = tl.load(state_ptr), tl.load(state_ptr + 1)
    above = tl.sum(counts) - tl.cumsum(counts, 0)
    here = (above < rank) & (above + counts >= rank)
    tl.store(state_ptr, known * DIGITS + tl.sum(tl.where(here, digits, 0)))
    tl.store(state_ptr + 1, rank - tl.sum(tl.where(here, above, 0)))


@triton.jit
@no_type_check
def _ties(bits_ptr, state_ptr, ties_ptr, width, bits: tl.constexpr, block: tl.constexpr):
    """How many numbers of each block equal the k-th largest."""
    size = _sizes(bits_ptr, tl.program_id(0) * block + tl.arange(0, block), width, bits)
    tl.store(ties_ptr + tl.program_id(0), tl.sum((size == tl.load(state_ptr)).to(tl.int32)))


@triton.jit
@no_type_check
def _keep(
    bits_ptr, state_ptr, before_ptr, kept_ptr, width, bits: tl.constexpr, block: tl.constexpr
):
    """All above the k-th largest, and of its equals the first, as far as there is room."""
    at = tl.program_id(0) * block + tl.arange(0, block)
    size = _sizes(bits_ptr, at, width, bits)
    least, room = tl.load(state_ptr), tl.load(state_ptr + 1)
    ties = (size == least).to(tl.int32)
    place = tl.load(before_ptr + tl.program_id(0)) + tl.cumsum(ties, 0)
    kept = (size > least) | ((ties > 0) & (place <= room))
    tl.store(kept_ptr + at, kept.to(tl.uint8), mask=at < width)
