import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.tasks import carries, carry_regime, overflows

Numbers = st.integers(0, 10**6)


@given(Numbers, Numbers)
def test_carries_as_sums_of_the_last_digits_tell(a: int, b: int):
    columns = max(len(str(a)), len(str(b)))
    powers = [10 ** (column + 1) for column in range(columns)]
    expected = [a % power + b % power >= power for power in powers]
    assert carries(a, b) == carries(b, a) == expected
    assert overflows(a, b) == (len(str(a + b)) > columns)


@given(Numbers, Numbers)
def test_a_regime_is_what_the_number_of_carries_says(a: int, b: int):
    # the digit sum falls by nine with every carry
    digits = [sum(map(int, str(number))) for number in (a, b, a + b)]
    number = (digits[0] + digits[1] - digits[2]) // 9
    columns = max(len(str(a)), len(str(b)))
    expected = {0: "none", 1: "one carry", columns: "full cascade"}.get(number, "late multi-carry")
    if number == columns == 1:
        expected = "one carry"
    assert carry_regime(a, b) == expected


@pytest.mark.parametrize(
    ("a", "b", "regime"),
    [
        (0, 0, "none"),
        (5, 5, "one carry"),
        (12, 35, "none"),
        (48, 27, "one carry"),
        (60, 90, "one carry"),
        (99, 1, "full cascade"),
        (88, 88, "full cascade"),
        (199, 1, "late multi-carry"),
        (950, 160, "late multi-carry"),
        (999, 1, "full cascade"),
    ],
)
def test_regimes(a: int, b: int, regime: str):
    assert carry_regime(a, b) == regime
