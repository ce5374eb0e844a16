"""The kernels on a GPU where there is one, else in Triton's interpreter (see tests/conftest.py)."""

import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeout.models import abs_topk as module
from tapeout.models.abs_topk import BITS, abs_topk_mask

kernels = pytest.importorskip("tapeout.models._topk_triton")

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
DTYPES = [torch.float16, torch.bfloat16, torch.float32]
SPECIAL = torch.tensor([0.0, -0.0, 1.0, -1.0, float("inf"), -float("inf"), float("nan"), 1e-40])


def numbers(shape, seed, levels, dtype):
    """Of many values or few, with and without what is not finite."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=draw)
    x = (x * levels).round() if levels else x
    special = SPECIAL[torch.randint(len(SPECIAL), shape, generator=draw)]
    return torch.where(torch.rand(shape, generator=draw) < seed % 3 / 4, special, x).to(dtype)


def found(x, k):
    bits = x.to(DEVICE).view(BITS[x.element_size()])
    assert kernels.takes(bits)
    return kernels.largest(bits, k).cpu()


@pytest.mark.parametrize("dtype", DTYPES)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 300)),
    share=st.floats(0, 1),
    levels=st.sampled_from([0, 1, 9]),
    seed=st.integers(0, 99),
)
def test_rows(dtype, shape, share, levels, seed):
    x = numbers(shape, seed, levels, dtype)
    k = max(round(share * shape[1]), 1)
    expected = torch.ones(shape, dtype=torch.bool) if k == shape[1] else abs_topk_mask(x, k)
    assert torch.equal(found(x, k), expected)


@settings(max_examples=4)
@pytest.mark.parametrize("dtype", DTYPES)
@given(
    width=st.integers(kernels.LONGEST + 1, 3 * kernels.LONGEST),
    share=st.floats(0, 0.99),
    levels=st.sampled_from([0, 1, 9]),
    seed=st.integers(0, 99),
)
def test_one_long_row(dtype, width, share, levels, seed):
    x = numbers((1, width), seed, levels, dtype)
    k = max(int(share * width), 1)
    assert torch.equal(found(x, k), abs_topk_mask(x, k))


@pytest.mark.parametrize("k", [1, 4095, 4096, 4097, 20_000])
def test_a_long_row_of_equals_keeps_the_first(k):
    kept = found(torch.full((1, 20_000), -2.0), k)
    assert kept[0, :k].all() and not kept[0, k:].any()


def test_rows_that_do_not_lie_one_after_the_other():
    whole = torch.randn(5, 24, device=DEVICE).view(torch.int32)
    for part in (whole[:, 8:16], whole.T):
        assert torch.equal(kernels.largest(part, 3), module._by_torch(part.contiguous(), 3))


def test_where_triton_is_not_and_what_it_does_not_take_goes_by_torch(monkeypatch):
    double = torch.randn(2, 9, dtype=torch.float64, device=DEVICE).view(torch.int64)
    many = torch.zeros(2, kernels.LONGEST + 1, dtype=torch.int32, device=DEVICE)
    single = torch.randn(2, 9, device=DEVICE).view(torch.int32)
    assert not kernels.takes(double) and not kernels.takes(many)
    expected = [module._by_torch(bits, 4) for bits in (double, single)]
    assert all(map(torch.equal, (module._on_gpu(bits, 4) for bits in (double, single)), expected))
    monkeypatch.setattr(module, "_kernels", lambda: None)
    assert torch.equal(module._on_gpu(single, 4), expected[1])


def test_a_copy_beside_a_model_needs_no_kernels(monkeypatch):
    module._kernels.cache_clear()
    assert module._kernels() is kernels
    module._kernels.cache_clear()
    monkeypatch.setattr(module, "__package__", "transformers_modules.some_model")
    assert module._kernels() is None
    module._kernels.cache_clear()


COMPILED = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from tapeout.models import _topk_triton as kernels

CONSTANT = {"bits": 31, "block": 1024, "shift": 24}
for name in ("_bisect", "_count", "_choose", "_ties", "_keep"):
    kernel = getattr(kernels, name)
    own = {arg: CONSTANT[arg] for arg in kernel.arg_names if arg in CONSTANT}
    types = {arg: "*i32" if arg.endswith("_ptr") else "i32" for arg in kernel.arg_names}
    types |= {"kept_ptr": "*u8"} if "kept_ptr" in types else {}
    source = ASTSource(kernel, types | dict.fromkeys(own, "constexpr"), own)
    print(name, len(triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["cubin"]) > 0)
"""


@pytest.mark.skipif(DEVICE == "cuda", reason="they are run")
def test_compile_for_a_gpu_that_is_not_here(tmp_path):
    own = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", COMPILED], env=own, capture_output=True, text=True, check=False
    )
    assert done.stdout.split()[1::2] == ["True"] * 5, done.stderr
