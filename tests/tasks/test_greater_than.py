import re
from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.errors import TaskError
from tapeout.tasks import Counts, greater_than
from tapeout.tasks._words import PERIODS

from .checks import check, few
from .toy_tokenizers import MERGED_YEARS, SINGLE_DIGITS, THREE_DIGITS, TWO_DIGITS, toy

SINGLE, TWO, MERGED = toy(SINGLE_DIGITS), toy(TWO_DIGITS), toy(MERGED_YEARS)
PROMPT = r"The (\w+) lasted from the year (\d\d)(\d\d) to the year (\d\d)"


@few
@given(st.integers(0, 10**6), st.sampled_from([SINGLE, TWO, MERGED]))
def test_holds_what_holds_for_every_task(seed: int, tokenizer: Any):
    check(greater_than(tokenizer, n=30, seed=seed), Counts.of(30))


@pytest.mark.parametrize("tokenizer", [SINGLE, TWO, MERGED])
def test_prompts_and_content(tokenizer: Any):
    for example in greater_than(tokenizer, n=100).test:
        found = re.fullmatch(PROMPT, example.prompt)
        assert found
        period, century, start, again = found.groups()
        assert century == again == example.strata["century"]
        assert set(example.content) == {f"period:{period}", f"year:{century}{start}"}
        assert example.counterfactual == example.prompt.replace(
            f"{century}{start} to", f"{century}01 to"
        )


def test_two_digit_answers_are_all_later_years():
    task = greater_than(TWO, n=200)
    starts = set()
    for example in task.test:
        start = int(example.content[1][-2:])
        starts.add(start)
        assert example.answers == tuple(f"{year:02d}" for year in range(start + 1, 100))
        assert example.foils == tuple(f"{year:02d}" for year in range(start + 1))
    assert min(starts) >= 2 and max(starts) <= 98
    assert all(
        item.answers[0] == TWO(example.answers[0]).input_ids
        for item, example in zip(task.test.encoded, task.test, strict=True)
    )


def test_first_digits_leave_the_starts_own_out():
    for example in greater_than(SINGLE, n=200).test:
        first = int(example.content[1][-2])
        assert 1 <= first <= 8
        assert example.answers == tuple(str(digit) for digit in range(first + 1, 10))
        assert example.foils == tuple(str(digit) for digit in range(first))


def test_years_that_are_written_in_another_way_are_left_out():
    task = greater_than(MERGED, n=300)
    assert {example.strata["century"] for example in task.test} == {"12", "14", "15", "17"}
    for split in task.splits:
        for example in split:
            texts = {*example.answers, *example.foils}
            assert "00" not in texts
            assert example.content[1] not in ("year:1776", "year:1789")
            assert ({"76", "89"} & texts == set()) == (example.strata["century"] == "17")


def test_metrics_know_numbers_that_no_year_of_the_task_ends_in():
    task = greater_than(MERGED, n=4)
    (batch,) = task.train.batches()
    logits = torch.zeros(4, 1, len(MERGED))
    logits[:, 0, MERGED("00").input_ids[0]] = 50.0  # a token, though 1700 is one too
    for name in ("probability_difference", "probability_difference_two_digits"):
        assert task.metrics[name].of(logits, batch).tolist() == pytest.approx([-1.0] * 4)


def test_centuries_come_equally_often():
    counts = Counter(example.strata["century"] for example in greater_than(TWO, n=140).test)
    assert counts == {str(century): 20 for century in range(11, 18)}


def test_metrics_are_named_by_what_they_score():
    assert list(greater_than(TWO, n=4).metrics) == [
        "probability_difference",
        "probability_difference_two_digits",
        "probability_difference_window",
        "above_foil",
        "log_likelihood",
    ]
    assert list(greater_than(SINGLE, n=4).metrics) == [
        "first_digit_probability_difference",
        "first_digit_probability_difference_ten_digits",
        "first_digit_probability_difference_window",
        "above_foil",
        "log_likelihood",
    ]


@pytest.mark.parametrize("tokenizer", [SINGLE, TWO])
def test_the_main_metric_has_gradients(tokenizer: Any):
    task = greater_than(tokenizer, n=8)
    (batch,) = task.train.batches(partner="counterfactual")
    logits = torch.zeros(8, 1, len(tokenizer), requires_grad=True)
    task.metric().of(logits, batch).sum().backward()
    assert logits.grad is not None
    for row, encoded in enumerate(task.train.encoded):
        position = batch.rows.tolist().index(row)
        assert all(logits.grad[position, 0, ids[0]] > 0 for ids in encoded.answers)
        assert all(logits.grad[position, 0, ids[0]] < 0 for ids in encoded.foils)


def test_other_ways_to_write_years():
    with pytest.raises(TaskError, match=r"two digits \(17\|43\) or as single digits .*' 174', '3'"):
        greater_than(toy(THREE_DIGITS))


def test_too_many_examples():
    with pytest.raises(TaskError, match=r"greater-than/test can have \d+ different prompts"):
        greater_than(TWO, n=Counts(test=10**6))


def test_periods():
    assert len(set(PERIODS)) == len(PERIODS) >= 120


@pytest.mark.smollm2
def test_smollm2_writes_single_digits(smollm2: Any):
    task = greater_than(smollm2)
    check(task, Counts())
    assert task.metric().name == "first_digit_probability_difference"
