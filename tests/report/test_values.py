"""Averages as they are written."""

from tapeout.report._fields import Fields
from tapeout.report._values import Average


def kl(value: float, low: float, high: float) -> Average:
    return Average.of_kl(Fields({"value": value, "low": low, "high": high}, "kl"))


def test_a_kl_is_never_below_0():
    assert str(kl(0.25, -0.1, 0.5)) == "0.250 [0.00, 0.500]"
    assert str(kl(-2.17e-10, -1.9e-8, 1.86e-8)) == "0.00 [0.00, 0.00]"
    assert str(kl(1e-5, -1e-5, 1e-4)) == "1.00e-5 [0.00, 1.00e-4]"


def test_shares_are_percentages_within_their_bounds():
    found = Average(0.958, 0.877, 1.04)
    assert found.as_metric("above_foil") == "95.8% [87.7–100.0%]"
    assert found.as_metric("logit_difference") == "0.958 [0.877, 1.04]"


def test_a_log_likelihood_is_never_above_0():
    assert Average(-0.25, -0.5, 0.125).as_metric("log_likelihood") == "−0.250 [−0.500, 0.00]"
