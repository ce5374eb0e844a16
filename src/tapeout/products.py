"""Products of float32 matrices by oneDNN, where PyTorch takes its other library for them.

PyTorch multiplies float32 matrices with MKL, which leaves half of the vector unit unused on
processors that are not Intel's: on an AMD EPYC of 2024 oneDNN, which PyTorch also ships, is twice
as fast (`benchmarks/products_speed.py`). Both add up in float32, in another order.
"""

import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

SWITCH = "TAPEOUT_ONEDNN"
"""The environment variable that overrules the choice: 0 is PyTorch's own library, 1 oneDNN."""
LEAST = 2**16
"""Multiplications below which a product is not worth the way through Python."""

_active = False


@cache
def applies() -> bool:
    """Whether oneDNN is faster here; the variable TAPEOUT_ONEDNN (0 or 1) overrules that."""
    there = torch.backends.mkldnn.is_available() and hasattr(torch.library, "_scoped_library")
    asked = os.environ.get(SWITCH, "")
    if not there or asked in ("0", "1"):
        return there and asked == "1"
    wide = torch.backends.cpu.get_cpu_capability() == "AVX512"
    return wide and torch.backends.mkl.is_available() and _vendor() == "AuthenticAMD"


def _vendor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return next((v for v in ("AuthenticAMD",) if v in platform.processor()), "")
    return next((line.split(":")[1].strip() for line in lines if "vendor_id" in line), "")


@contextmanager
def fast_products() -> Iterator[None]:
    """While this lasts, oneDNN multiplies the CPU's float32 matrices, in every thread, where
    `applies`; forwards and backwards, and with or without a bias."""
    global _active
    if _active or not applies():
        yield
        return
    with torch.library._scoped_library("aten", "IMPL") as library:  # pyright: ignore
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it overrides a kernel, which is what it is for
            library.impl("mm", _mm, "CPU")
            library.impl("addmm", _addmm, "CPU")
        _active = True
        try:
            yield
        finally:
            _active = False


def _mm(left: Tensor, right: Tensor) -> Tensor:
    if _suits(left, right):
        return _product(left, right, None)
    return torch.mm(left, right, out=left.new_empty(len(left), right.shape[1]))


def _addmm(
    bias: Tensor, left: Tensor, right: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    row = bias.dim() == 1 and len(bias) == right.shape[1] and bias.is_contiguous()
    if row and beta == alpha == 1 and bias.dtype is torch.float32 and _suits(left, right):
        return _product(left, right, bias)
    out = left.new_empty(len(left), right.shape[1])
    return torch.addmm(bias, left, right, beta=beta, alpha=alpha, out=out)


def _product(left: Tensor, right: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(left, right.T, bias, "none", [], "")


def _suits(left: Tensor, right: Tensor) -> bool:
    """Whether oneDNN takes them as they lie, and it is worth it: one row is not."""
    if left.dtype is not torch.float32 or right.dtype is not torch.float32:
        return False
    rows, inner = left.shape
    if rows < 2 or rows * inner * right.shape[1] < LEAST:
        return False
    return all(m.is_contiguous() or m.T.is_contiguous() for m in (left, right))
