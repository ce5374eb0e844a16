import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.sparse._schedule import Schedule


def schedule(**changes):
    settings = {"steps": 200, "density": 0.01, "anneal": 0.5, "learning_rate": 1.0, "warm_up": 0.01}
    return Schedule(**settings | changes)


def test_density_falls_in_a_line_and_stays():
    found = [schedule().density_at(step) for step in range(200)]
    steps = [before - after for before, after in pairwise(found[:100])]
    assert steps == pytest.approx([0.99 / 100] * 99)
    assert found[99:] == pytest.approx([0.01] * 101)


def test_the_rate_is_a_fin():
    own = schedule()
    rates = [own.rate_at(step) for step in range(200)]
    assert rates[0] == pytest.approx(0.5 / math.sqrt(own.density_at(0)))
    assert max(rates) == rates[99]  # where density has fallen, and time has not
    assert rates[99] == pytest.approx((1 - 99 / 200) / 0.1)
    assert rates[-1] == pytest.approx(10 / 200)


@given(
    density=st.floats(1e-4, 1),
    anneal=st.floats(0, 1),
    warm_up=st.floats(0, 1),
    steps=st.integers(1, 50),
)
def test_it_ends_where_it_was_asked_to(density, anneal, warm_up, steps):
    own = schedule(density=density, anneal=anneal, warm_up=warm_up, steps=steps)
    assert own.density_at(steps - 1) == pytest.approx(density)
    assert all(own.rate_at(step) > 0 for step in range(steps))
    assert all(density <= own.density_at(step) * (1 + 1e-9) for step in range(steps))
