"""Intervals of means by drawing again."""

import pytest
import torch

from tapeout.verify import Average


def test_a_bootstrap_of_lone_examples_is_close_to_the_normal_interval():
    values = torch.randn(400, generator=torch.Generator().manual_seed(0)).tolist()
    normal, drawn = Average.of(values), Average.resampled(values, seed=1)
    assert drawn.value == pytest.approx(normal.value) and drawn.n == 400
    assert drawn.low == pytest.approx(normal.low, abs=0.02)
    assert drawn.high == pytest.approx(normal.high, abs=0.02)
    assert Average.resampled(values, seed=1) == drawn


def test_groups_that_are_alike_widen_the_interval():
    lone = torch.randn(50, generator=torch.Generator().manual_seed(0)).tolist()
    values = [value for value in lone for _ in range(8)]
    groups = [("problem", row // 8) for row in range(400)]
    apart, together = Average.resampled(values), Average.resampled(values, groups)
    assert together.high - together.low > 2 * (apart.high - apart.low)
    assert together.value == pytest.approx(apart.value)


def test_groups_of_unequal_size_weigh_by_their_examples():
    drawn = Average.resampled([0.0, 0.0, 0.0, 1.0], ["a", "a", "a", "b"])
    assert drawn.value == 0.25
    assert (drawn.low, drawn.high) == (0.0, 1.0)  # both groups may come out alone
