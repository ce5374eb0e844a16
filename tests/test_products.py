"""Products by oneDNN: the same numbers, forwards and backwards, and PyTorch's own afterwards."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import linear

from tapeout import products
from tapeout.products import SWITCH, applies, fast_products


@pytest.fixture
def asked(monkeypatch):
    """Sets the switch to 0, 1 or nothing."""

    def ask(value):
        monkeypatch.setenv(SWITCH, value)
        applies.cache_clear()
        return applies()

    yield ask
    applies.cache_clear()


@pytest.fixture
def fast(asked, monkeypatch):
    """What oneDNN multiplied while products are fast."""
    if not asked("1"):
        pytest.skip("this PyTorch has no oneDNN")
    sizes, product = [], products._product

    def counted(left, right, bias):
        sizes.append((*left.shape, right.shape[1]))
        return product(left, right, bias)

    monkeypatch.setattr(products, "_product", counted)
    return sizes


def gradients(x, w, b):
    leaves = [t.detach().clone().requires_grad_() for t in (x, w, b)]
    y = linear(*leaves)
    y.square().sum().backward()
    return [y.detach(), *(leaf.grad for leaf in leaves)]


@pytest.mark.parametrize("shape", [(64, 48, 96), (3, 24, 48, 96)])
def test_gradients_are_those_of_pytorch(fast, shape):
    *rows, inner, out = shape
    x, w, b = torch.randn(*rows, inner), torch.randn(out, inner), torch.randn(out)
    expected = gradients(x, w, b)
    assert not fast
    with fast_products():
        found = gradients(x, w, b)
        linear(x, w)
    assert len(fast) == 4  # forwards, by the input, by the weight, and without a bias
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-4)
    linear(x, w)
    assert len(fast) == 4


@given(
    rows=st.integers(1, 70),
    inner=st.integers(1, 70),
    out=st.integers(1, 70),
    how=st.sampled_from(["plain", "turned", "sliced", "spread", "double", "scaled", "column"]),
)
def test_any_product_is_that_of_pytorch(rows, inner, out, how):
    applies.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SWITCH, "1")
        patch.setattr(products, "LEAST", 1)  # so that oneDNN takes all that lie as it needs them
        generator = torch.Generator().manual_seed(rows * 71 + inner)
        left = torch.randn(rows, inner, generator=generator)
        right = torch.randn(inner, out, generator=generator)
        bias, scale = torch.randn(out, generator=generator), {}
        if how == "turned":
            left, right = left.T.contiguous().T, right.T.contiguous().T
        if how == "sliced":
            left, right = (
                torch.cat([left, left], 1)[:, :inner],
                torch.cat([right, right], 1)[:, :out],
            )
        if how == "spread":
            left, right = left[:1].expand(rows, -1), right[:, :1].expand(-1, out)
        if how == "double":
            left, right, bias = left.double(), right.double(), bias.double()
        if how == "scaled":
            scale = {"beta": 0.5, "alpha": 2.0}
        if how == "column":
            bias = torch.randn(rows, 1, generator=generator)
        expected = left @ right, torch.addmm(bias, left, right, **scale)
        with fast_products():
            found = left @ right, torch.addmm(bias, left, right, **scale)
    applies.cache_clear()
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-4)


def test_one_inside_another_changes_nothing(fast):
    x = torch.randn(64, 64)
    with fast_products():
        with fast_products():
            pass
        assert x @ x is not None and len(fast) == 1
    with pytest.raises(RuntimeError, match="meant"), fast_products():
        raise RuntimeError("meant")
    assert x @ x is not None and len(fast) == 1


def test_it_is_switched_by_a_variable_and_by_the_processor(asked, monkeypatch):
    assert not asked("0")
    with fast_products():
        assert not products._active
    there = asked("1")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
    for vendor, faster in (("GenuineIntel", False), ("AuthenticAMD", True)):
        monkeypatch.setattr(products, "_vendor", lambda vendor=vendor: vendor)
        assert asked("") is (faster and there)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert not asked("")


def test_weights_that_no_one_row_needs(fast):
    with fast_products():
        torch.randn(1, 512) @ torch.randn(512, 512)  # one row reads every weight once either way
        torch.randn(8, 8) @ torch.randn(8, 8)
    assert not fast
