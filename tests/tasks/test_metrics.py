import math

import pytest
import torch

from tapeout.errors import TaskError
from tapeout.tasks import (
    ABOVE_FOIL,
    LOG_LIKELIHOOD,
    LOGIT_DIFFERENCE,
    PROBABILITY_DIFFERENCE,
    Batch,
    Example,
    Split,
    correct,
)

from .toy_tokenizers import SINGLE_DIGITS, toy

TOY = toy(SINGLE_DIGITS)
SIZE = len(TOY)


def batch_of(*examples: Example) -> Batch:
    (batch,) = Split("x", examples, TOY).batches()
    return batch


def logits_of(*rows: list[dict[str, float]]) -> torch.Tensor:
    """Logits that are 0 but for the named tokens, for each position of each row."""
    logits = torch.zeros(len(rows), len(rows[0]), SIZE)
    for row, positions in enumerate(rows):
        for position, values in enumerate(positions):
            for token, value in values.items():
                logits[row, position, TOY(token).input_ids[0]] = value
    return logits


BATCH = batch_of(
    Example(prompt="So", answers=(" he",), foils=(" a",)),
    Example(prompt="So", answers=(" he", " she"), foils=(" a", " to")),
)
LOGITS = logits_of(
    [{" he": 2.0, " a": 3.0}],
    [{" he": 1.0, " she": 4.0, " a": 2.0, " to": -1.0}],
)


def test_logit_difference_is_of_means():
    assert LOGIT_DIFFERENCE.of(LOGITS, BATCH).tolist() == [-1.0, 2.0]


def test_above_foil_compares_the_best():
    assert ABOVE_FOIL.of(LOGITS, BATCH).tolist() == [0.0, 1.0]
    close = logits_of([{" he": 1.0}], [{" she": 3.0, " a": -3.0, " to": 2.0}])
    assert ABOVE_FOIL.of(close, BATCH).tolist() == [1.0, 1.0]
    below = logits_of([{" a": 1.0}], [{" she": 3.0, " a": 4.0, " to": -9.0}])
    assert ABOVE_FOIL.of(below, BATCH).tolist() == [0.0, 0.0]


def test_probability_difference_sums_over_the_whole_vocabulary():
    first = math.exp(2) + math.exp(3) + SIZE - 2
    second = math.exp(1) + math.exp(4) + math.exp(2) + math.exp(-1) + SIZE - 4
    assert PROBABILITY_DIFFERENCE.of(LOGITS, BATCH).tolist() == pytest.approx(
        [
            (math.exp(2) - math.exp(3)) / first,
            (math.exp(1) + math.exp(4) - math.exp(2) - math.exp(-1)) / second,
        ]
    )


def test_log_likelihood_sums_right_answers():
    first = math.exp(2) + math.exp(3) + SIZE - 2
    second = math.exp(1) + math.exp(4) + math.exp(2) + math.exp(-1) + SIZE - 4
    assert LOG_LIKELIHOOD.of(LOGITS, BATCH).tolist() == pytest.approx(
        [2 - math.log(first), math.log(math.exp(1) + math.exp(4)) - math.log(second)]
    )


def test_correct_takes_any_right_answer():
    assert correct(LOGITS, BATCH).tolist() == [False, True]
    assert correct(logits_of([{" he": 1.0}], [{" he": 1.0}]), BATCH).tolist() == [True, True]
    assert correct(logits_of([{" he": 1.0}], [{" to": 1.0}]), BATCH).tolist() == [True, False]


LONG = batch_of(*[Example(prompt="4+8=", answers=("12\n",)) for _ in range(3)])
GUESSES = logits_of(
    [{"1": 5.0}, {"2": 5.0}, {"\n": 5.0}],
    [{"1": 5.0}, {"3": 5.0}, {"\n": 5.0}],
    [{"1": 5.0}, {"2": 5.0}, {"0": 5.0}],
)


def test_an_answer_of_several_tokens_must_be_right_to_its_end():
    assert correct(GUESSES, LONG).tolist() == [True, False, False]


def test_log_likelihood_sums_tokens():
    right = 5 - math.log(math.exp(5) + SIZE - 1)
    wrong = -math.log(math.exp(5) + SIZE - 1)
    assert LOG_LIKELIHOOD.of(GUESSES, LONG).tolist() == pytest.approx(
        [3 * right, 2 * right + wrong, 2 * right + wrong]
    )


@pytest.mark.parametrize("metric", [LOGIT_DIFFERENCE, ABOVE_FOIL, PROBABILITY_DIFFERENCE])
def test_what_compares_single_tokens_says_so(metric):
    with pytest.raises(TaskError, match=rf"{metric.name} compares single tokens, .*'12.n' has 3"):
        metric.of(GUESSES, LONG)
    one = Example(prompt="So", answers=(" he",), foils=(" a",))
    bare = Example(prompt="So", answers=(" he",))
    for examples in ([bare], [one, bare]):
        with pytest.raises(TaskError, match=f"{metric.name} needs a foil for every example"):
            metric.of(torch.zeros(len(examples), 1, SIZE), batch_of(*examples))


def test_gradients_are_finite_where_rows_have_different_numbers_of_answers():
    for metric in (LOGIT_DIFFERENCE, PROBABILITY_DIFFERENCE, LOG_LIKELIHOOD):
        logits = LOGITS.clone().requires_grad_()
        metric.of(logits, BATCH).sum().backward()
        assert logits.grad is not None
        assert logits.grad.isfinite().all() and logits.grad.abs().sum() > 0
