import torch
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from tapeout.verify.audits import (
    effective_rank,
    linear_cka,
    participation_ratio,
    subspace_overlap,
)
from tapeout.verify.audits._moments import Moments


def orthonormal(rows, columns, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(rows, columns, generator=generator))[0]


def cloud(values, *, rows=40, width=12, seed=0):
    """Rows without a mean whose singular values are these."""
    left = torch.linalg.qr(
        torch.cat([torch.ones(rows, 1), orthonormal(rows, len(values), seed)], dim=1)
    )[0][:, 1:]
    return left * torch.tensor(values) @ orthonormal(width, len(values), seed + 1).T


def test_equal_singular_values_count_in_full():
    for rows in (8, 40):  # fewer rows than channels, and more
        x = cloud([2.0] * 5, rows=rows) + 3.0
        assert effective_rank(x) == approx(5, rel=1e-4)
        assert participation_ratio(x) == approx(5, rel=1e-4)


def test_unequal_singular_values_by_hand():
    x = cloud([3.0, 1.0])
    entropy = -(0.75 * torch.tensor(0.75).log() + 0.25 * torch.tensor(0.25).log())
    assert effective_rank(x) == approx(float(entropy.exp()), rel=1e-4)
    assert participation_ratio(x) == approx(100 / 82, rel=1e-4)


def test_what_does_not_vary_has_rank_0():
    x = torch.full((20, 12), 0.1) + torch.linspace(0, 1, 12)
    assert effective_rank(x) == participation_ratio(x) == 0
    assert linear_cka(x, cloud([1.0, 2.0], rows=20)) is None
    assert subspace_overlap(x, cloud([1.0, 2.0], rows=20), k=1) is None


@given(st.integers(3, 60), st.integers(1, 12), st.integers(1, 12), st.integers(0, 99))
def test_batches_give_what_the_whole_gives(rows, width, other, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, width, generator=generator) + 5
    y = x[:, :1] + torch.randn(rows, other, generator=generator)
    streamed = Moments(width, other)
    for start in range(0, rows, 7):
        streamed.add(x[start : start + 7], y[start : start + 7])
    assert streamed.n == rows
    both = torch.cat([x, y], dim=1).double()
    centred = both - both.mean(dim=0)
    covariance = centred.T @ centred / rows
    assert torch.allclose(streamed.covariance(0), covariance[:width, :width])
    assert torch.allclose(streamed.covariance(0, 1), covariance[:width, width:])
    assert torch.allclose(streamed.mean(1), both.mean(dim=0)[width:])
    values = torch.linalg.svdvals(centred[:, :width]) / rows**0.5
    spectrum = streamed.spectrum(0).flip(0)[: len(values)]
    assert torch.allclose(spectrum, values, atol=1e-6)
    one, two = centred[:, :width], centred[:, width:]
    cka = (two.T @ one).norm() ** 2 / ((one.T @ one).norm() * (two.T @ two).norm())
    assert streamed.cka() == approx(float(cka), rel=1e-5)


def test_cka_knows_no_rotation_scale_or_shift():
    x = torch.randn(50, 12)
    turned = 3 * x @ orthonormal(12, 12) + 7
    assert linear_cka(x, turned) == approx(1, abs=1e-5)
    assert linear_cka(x[:8], turned[:8]) == approx(1, abs=1e-5)
    assert linear_cka(x, x) == approx(1, abs=1e-6)
    left = torch.linalg.qr(torch.cat([torch.ones(50, 1), torch.randn(50, 6)], dim=1))[0][:, 1:]
    assert linear_cka(left[:, :3], left[:, 3:]) == approx(0, abs=1e-6)


def test_overlap_of_equal_and_of_orthogonal_spans():
    for rows in (10, 50):
        basis = orthonormal(12, 6)
        own = cloud([3.0, 2.0, 1.0], rows=rows) @ orthonormal(12, 12)
        assert subspace_overlap(own, own * -4 + 1, k=3) == approx(1, abs=1e-5)
        inside = torch.randn(rows, 3)
        apart = subspace_overlap(inside @ basis[:, :3].T, inside @ basis[:, 3:].T, k=3)
        assert apart == approx(0, abs=1e-6)


def test_a_span_of_fewer_directions_has_no_overlap():
    assert subspace_overlap(torch.randn(9, 12), torch.randn(9, 12), k=10) is None
