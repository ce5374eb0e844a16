import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.models import abs_topk as module
from tapeout.models.abs_topk import abs_topk, abs_topk_mask

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def rows(values, dtype):
    return torch.tensor(values, dtype=torch.float64).to(dtype)


def some_rows(elements):
    sizes = st.tuples(st.integers(1, 5), st.integers(1, 9))
    return sizes.flatmap(
        lambda size: st.lists(
            st.lists(elements, min_size=size[1], max_size=size[1]),
            min_size=size[0],
            max_size=size[0],
        )
    )


def by_definition(x, k):
    """Largest magnitudes first, NaN before all, and of equal ones the first."""
    kept = torch.zeros_like(x, dtype=torch.bool)
    for row, values in enumerate(x.tolist()):
        size = [float("inf") if np.isnan(v) else abs(v) for v in values]
        order = sorted(range(len(values)), key=lambda i: (not np.isnan(values[i]), -size[i], i))
        kept[row, order[:k]] = True
    return kept


@pytest.mark.parametrize("dtype", DTYPES)
@given(
    values=some_rows(
        st.sampled_from([0.0, -0.0, 0.5, -0.5, 1.0, -2.0, float("inf"), float("nan")])
    ),
    k=st.integers(0, 10),
)
def test_ties_zeros_infinities_and_nan(dtype, values, k):
    x = rows(values, dtype)
    assert torch.equal(abs_topk_mask(x, k), by_definition(x, k))


@pytest.mark.parametrize("dtype", DTYPES)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 70)),
    seed=st.integers(0, 99),
)
def test_equals_torch_topk(dtype, shape, seed):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)
    k = seed % shape[-1] + 1
    size, places = x.abs().topk(k, dim=-1)
    found = abs_topk(x, k)
    assert torch.equal(found.abs().sort(dim=-1, descending=True).values[..., :k], size)
    assert torch.equal(found != 0, abs_topk_mask(x, k) & (x != 0))
    if dtype in (torch.float32, torch.float64):  # few bits have ties, and torch breaks them anyhow
        expected = torch.zeros_like(x).scatter(-1, places, x.gather(-1, places))
        assert torch.equal(found, expected)


@given(values=some_rows(st.floats(width=32)), k=st.integers(1, 8))
def test_all_devices_keep_the_same(values, k):
    x = rows(values, torch.float32)
    k = min(k, x.shape[-1])
    bits = x.view(torch.int32)
    assert torch.equal(
        torch.from_numpy(module._by_numpy(bits.numpy(), k)), module._by_torch(bits, k)
    )


@pytest.mark.parametrize("levels", [0, 3, 40])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@given(
    wide=st.tuples(st.integers(1, 3), st.integers(500, 2100)) | st.just((1, 20_000)),
    share=st.floats(0.01, 1),
    seed=st.integers(0, 99),
)
def test_wide_rows_with_and_without_ties(dtype, levels, wide, share, seed):
    x = torch.randn(wide, generator=torch.Generator().manual_seed(seed)).to(dtype)
    x = (x * levels).round() if levels else x
    x = x.sort(dim=-1).values if seed % 3 == 0 else x
    k = max(int(share * wide[1]), 1)
    order = x.abs().sort(dim=-1, descending=True, stable=True).indices[:, :k]
    assert torch.equal(abs_topk_mask(x, k), torch.zeros_like(x).bool().scatter(-1, order, True))


def test_a_sample_that_misleads_changes_nothing():
    x = torch.zeros(1, 20_000)
    x[:, 1::5] = torch.randn(4_000)  # every fifth number is looked at, and all of those are 0
    kept = abs_topk_mask(x, 500)
    assert torch.equal(x[kept].abs().sort().values, x.abs().sort().values[0, -500:])


def test_rows_that_do_not_lie_one_after_the_other():
    whole = torch.randn(4, 6, 30)
    for part in (*whole.chunk(3, dim=-1), whole.transpose(0, 1)):
        assert torch.equal(abs_topk(part, 4), abs_topk(part.clone(), 4))


@pytest.mark.parametrize("k", [0, 3, 8, 20])
def test_gradients_reach_the_kept_entries_only(k):
    x = torch.randn(5, 8, requires_grad=True)
    weights = torch.randn(5, 8)
    (abs_topk(x, k) * weights).sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, weights * by_definition(x.detach(), k))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_seen(value):
    x = torch.randn(6, 9)
    x[2, 3] = value
    found = abs_topk(x, 2)
    assert (~found.isfinite()).nonzero().tolist() == [[2, 3]]
    assert not bool(abs_topk(torch.full((1, 4), value), 2).isfinite().all())


def test_nothing_in_nothing_out():
    assert abs_topk(torch.zeros(0, 5), 2).shape == (0, 5)
    assert abs_topk_mask(torch.zeros(3, 0), 2).shape == (3, 0)


def test_what_has_no_largest_entries():
    with pytest.raises(TypeError, match="floating point"):
        abs_topk(torch.arange(4), 2)
    with pytest.raises(ValueError, match="cannot keep -1"):
        abs_topk(torch.zeros(4), -1)
