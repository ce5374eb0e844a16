import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.sparse.bridges import Wanted, nmse


def test_errors_are_parts_of_each_token_s_own_size():
    """Sizes 25, 4, 1 and 0; the smaller ones count as 4, the median of those above 0."""
    wanted = torch.tensor([[[3.0, 4.0], [2.0, 0.0], [0.0, 1.0], [0.0, 0.0]]])
    predicted = torch.tensor([[[3.0, 5.0], [0.0, 0.0], [1.0, 2.0], [3.0, 0.0]]])
    assert nmse(predicted, wanted).item() == pytest.approx((1 / 25 + 4 / 4 + 2 / 4 + 9 / 4) / 4)
    assert nmse(wanted, wanted).item() == 0


def test_what_is_aimed_at_is_not_moved():
    wanted, predicted = (torch.tensor([[[x, 4.0]]], requires_grad=True) for x in (3.0, 2.0))
    nmse(predicted, wanted).backward()
    assert wanted.grad is None and predicted.grad is not None
    assert torch.allclose(predicted.grad, torch.tensor([[[-2 / 25, 0.0]]]))


def test_a_token_of_no_size_has_an_error_too():
    assert math.isfinite(nmse(torch.ones(1, 2, 2), torch.zeros(1, 2, 2)).item())


def test_divergence_of_a_worked_example():
    """KL((1/2, 1/2), (3/4, 1/4)) = 1/2 ln(2/3) + 1/2 ln 2."""
    wanted = Wanted.of(torch.zeros(1, 1, 2))
    got = wanted.kl(torch.tensor([[[math.log(3.0), 0.0]]]))
    assert got.item() == pytest.approx(0.5 * math.log(2 / 3) + 0.5 * math.log(2))


@given(seed=st.integers(0, 1000), spread=st.floats(0.1, 10))
def test_the_gradient_is_that_of_the_plain_formula(seed, spread):
    torch.manual_seed(seed)
    dense, other = spread * torch.randn(2, 2, 3, 7)
    one, two = (other.clone().requires_grad_() for _ in range(2))
    kl = Wanted.of(dense).kl(one)
    plain = (dense.softmax(-1) * (dense.log_softmax(-1) - two.log_softmax(-1))).sum(-1)
    assert torch.allclose(kl, plain, atol=1e-5)
    weights = torch.rand(2, 3)
    (kl * weights).sum().backward()
    (plain * weights).sum().backward()
    assert one.grad is not None and two.grad is not None
    assert torch.allclose(one.grad, two.grad, atol=1e-6)
