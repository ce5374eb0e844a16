"""Paired differences: what they count, and that groups and chance are taken for what they are."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.errors import TaskError
from tapeout.verify import mcnemar, paired

PAIRS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30)


def split(pairs):
    return [before for before, _ in pairs], [after for _, after in pairs]


@given(PAIRS)
def test_the_value_is_the_difference_of_the_accuracies(pairs):
    before, after = split(pairs)
    found = paired(before, after, draws=50)
    assert found.value == pytest.approx((sum(after) - sum(before)) / len(pairs))
    assert found.gained - found.lost == sum(after) - sum(before)
    assert found.n == found.groups == len(pairs)
    assert -1 <= found.low <= found.high <= 1
    assert (found.gained + found.lost == 0) == (found.low == found.high == 0) or found.n == 1


@given(PAIRS)
def test_turned_round_it_is_the_opposite(pairs):
    before, after = split(pairs)
    found, turned = paired(before, after, draws=50), paired(after, before, draws=50)
    assert turned.value == pytest.approx(-found.value)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
    assert (turned.gained, turned.lost, turned.p) == (found.lost, found.gained, found.p)


@given(st.integers(0, 8), st.integers(0, 8))
def test_p_is_the_share_of_signs_as_uneven(gained, lost):
    """All ways in which the moved examples could have moved, counted."""
    moved = gained + lost
    signs = [abs(2 * sum(ways) - moved) for ways in product((0, 1), repeat=moved)]
    expected = sum(uneven >= abs(gained - lost) for uneven in signs) / len(signs)
    assert mcnemar(gained, lost) == pytest.approx(expected)


def test_p_of_thousands_is_a_number():
    assert 0 < mcnemar(1500, 1300) < 0.001
    assert mcnemar(3000, 3000) == 1.0


def test_examples_that_move_together_are_less_sure():
    """Four groups of 25 that rise or fall as one, against a hundred examples on their own."""
    after = [group != 0 for group in range(4) for _ in range(25)]
    before = [group == 0 for group in range(4) for _ in range(25)]
    groups = [group for group in range(4) for _ in range(25)]
    alone, together = paired(before, after), paired(before, after, groups)
    assert alone.value == together.value == 0.5
    assert together.groups == 4
    assert together.high - together.low > 3 * (alone.high - alone.low)
    assert alone.low > 0 >= together.low


def test_the_interval_covers_as_often_as_it_says():
    import random

    rng, held = random.Random(0), 0
    for trial in range(200):
        before = [rng.random() < 0.4 for _ in range(80)]
        after = [b if rng.random() < 0.5 else rng.random() < 0.6 for b in before]
        found = paired(before, after, draws=200, seed=trial)
        held += found.low <= 0.1 <= found.high
    assert 180 <= held <= 199


def test_other_examples_are_told():
    for before, after, groups in (
        ([], [], None),
        ([True], [True, False], None),
        ([True, False], [True, False], ["a"]),
    ):
        with pytest.raises(TaskError, match="the same examples"):
            paired(before, after, groups)
