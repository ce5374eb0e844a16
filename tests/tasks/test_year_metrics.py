"""The metrics against their definitions, written out for one row at a time."""

import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeout.tasks import Batch, Example, Metric
from tapeout.tasks._batch import make_batches
from tapeout.tasks._example import Encoded
from tapeout.tasks._year_metrics import first_digit_metrics, two_digit_metrics

VOCABULARY = 130
TWO = list(range(120, 20, -1))  # the tokens of 00 to 99, in an order of their own
ONE = [3, 1, 4, 15, 9, 2, 6, 5, 35, 8]


def batch_of(starts: Sequence[int]) -> Batch:
    examples = [
        Example(prompt="", answers=("",), content=("period:war", f"year:17{start:02d}"))
        for start in starts
    ]
    ids = Encoded(prompt=[1], answers=[[0]], foils=[], counterfactual=[], counterfactual_answer=[])
    (batch,) = make_batches([ids] * len(starts), examples, len(starts))
    return batch


def softmax(logits: Sequence[float], tokens: Sequence[int]) -> dict[int, float]:
    total = sum(math.exp(logits[token]) for token in tokens)
    return {token: math.exp(logits[token]) / total for token in tokens}


def hanna(logits: Sequence[float], start: int) -> float:
    p = softmax(logits, range(VOCABULARY))
    above = sum(p[TWO[year]] for year in range(start + 1, 100))
    return above - sum(p[TWO[year]] for year in range(start + 1))


def edge_pruning(logits: Sequence[float], start: int) -> float:
    p = softmax(logits, TWO)
    above = sum(p[TWO[year]] for year in range(start + 1, 100))
    return above - sum(p[TWO[year]] for year in range(start))


def node_pruning(logits: Sequence[float], start: int) -> float:
    p = softmax(logits, TWO[2:99])
    above = sum(p[TWO[year]] for year in range(start + 1, min(start + 10, 98) + 1))
    return above - sum(p[TWO[year]] for year in range(max(start - 10, 2), start + 1))


def first_digit(logits: Sequence[float], start: int) -> float:
    p, own = softmax(logits, range(VOCABULARY)), start // 10
    above = sum(p[ONE[digit]] for digit in range(own + 1, 10))
    return above - sum(p[ONE[digit]] for digit in range(own))


def ten_digits(logits: Sequence[float], start: int) -> float:
    p, own = softmax(logits, ONE), start // 10
    above = sum(p[ONE[digit]] for digit in range(own + 1, 10))
    return above - sum(p[ONE[digit]] for digit in range(own))


def neighbours(logits: Sequence[float], start: int) -> float:
    p, own = softmax(logits, ONE), start // 10
    return p[ONE[own + 1]] - p[ONE[own - 1]]


NAMED = {metric.name: metric for metric in (*two_digit_metrics(TWO), *first_digit_metrics(ONE))}
DEFINED = {
    "probability_difference": hanna,
    "probability_difference_two_digits": edge_pruning,
    "probability_difference_window": node_pruning,
    "first_digit_probability_difference": first_digit,
    "first_digit_probability_difference_ten_digits": ten_digits,
    "first_digit_probability_difference_window": neighbours,
}


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(10, 89), min_size=1, max_size=5), st.integers(0, 10**6))
def test_each_metric_is_what_its_definition_says(starts: list[int], seed: int):
    logits = 2 * torch.randn(len(starts), 1, VOCABULARY, generator=torch.manual_seed(seed))
    batch = batch_of(starts)
    for name, defined in DEFINED.items():
        expected = [defined(row, y) for row, y in zip(logits[:, 0].tolist(), starts, strict=True)]
        assert NAMED[name].of(logits, batch).tolist() == pytest.approx(expected, abs=1e-5), name


@pytest.mark.parametrize("start", [2, 5, 95, 98])
def test_the_ends_of_the_century(start: int):
    logits = torch.randn(1, 1, VOCABULARY, generator=torch.manual_seed(start))
    for name in list(DEFINED)[:3]:
        found = NAMED[name].of(logits, batch_of([start])).item()
        assert found == pytest.approx(DEFINED[name](logits[0, 0].tolist(), start), abs=1e-6)


def test_the_definitions_tell_them_apart():
    assert list(NAMED) == list(DEFINED)
    assert len({metric.definition for metric in NAMED.values()}) == len(NAMED)
    logits = torch.randn(1, 1, VOCABULARY, generator=torch.manual_seed(0))
    values = [metric.of(logits, batch_of([43])).item() for metric in NAMED.values()]
    assert len({round(value, 5) for value in values}) == len(NAMED)


def test_half_precision_logits():
    metric: Metric = NAMED["probability_difference"]
    logits = torch.zeros(1, 1, VOCABULARY, dtype=torch.bfloat16)
    assert metric.of(logits, batch_of([43])).item() == pytest.approx((56 - 44) / VOCABULARY)
