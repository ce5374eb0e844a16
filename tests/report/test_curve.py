import math

from hypothesis import given
from hypothesis import strategies as st

from tapeout.report._curve import ticks

LOSS = st.floats(1e-3, 1e5)


@given(LOSS, LOSS)
def test_ticks_enclose_every_loss_and_no_more_than_they_must(one: float, other: float):
    low, high = sorted((one, other))
    found = ticks(low, high)
    assert found == sorted(set(found)) and len(found) >= 2
    assert found[0] <= low and high <= found[-1]
    assert len(found) == 2 or (found[1] > low and found[-2] < high)
    heads = {round(tick / 10 ** math.floor(math.log10(tick) + 1e-9), 6) for tick in found}
    assert heads <= {1, 1.5, 2, 3, 4, 5, 6, 8}


def test_losses_of_one_decade_have_ticks_of_their_own():
    assert ticks(3.2, 4.4) == [3, 4, 5]
    assert ticks(0.3, 4.4) == [0.2, 0.5, 1, 2, 5]
    assert ticks(0.02, 4.4) == [0.01, 0.1, 1, 10]
