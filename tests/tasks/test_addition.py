from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.errors import TaskError
from tapeout.tasks import SPLITS, Counts, Example, Task, addition, carry_regime, overflows

from .checks import check, few
from .toy_tokenizers import SINGLE_DIGITS, THREE_DIGITS, TWO_DIGITS, UNEVEN_DIGITS, toy

SINGLE, TWO, THREE = toy(SINGLE_DIGITS), toy(TWO_DIGITS), toy(THREE_DIGITS)
UNEVEN = toy(UNEVEN_DIGITS)


def operands(prompt: str) -> tuple[int, int]:
    a, _, b = prompt.strip().rstrip("=").partition("+")
    return int(a), int(b)


def pairs(task: Task) -> list[tuple[int, int]]:
    return [operands(example.prompt) for split in task.splits for example in split]


@few
@given(
    st.integers(0, 10**6),
    st.sampled_from([SINGLE, TWO, THREE, UNEVEN]),
    st.sampled_from([2, 3, 6, 25]),
    st.integers(2, 50),
    st.integers(0, 3),
)
def test_holds_what_holds_for_every_task(
    seed: int, tokenizer: Any, digits: int, n: int, shots: int
):
    check(addition(tokenizer, digits=digits, n=n, seed=seed, shots=shots), Counts.of(n))


def test_the_answer_is_the_sum_and_its_end_is_scored():
    for example in addition(SINGLE, n=100).test:
        a, b = operands(example.prompt)
        assert example.answers == (f"{a + b}\n",)
        assert example.prompt == f"\n{a}+{b}="
        assert example.strata == {
            "carry": carry_regime(a, b),
            "length": str(len(str(a + b))),
            "overflow": "yes" if overflows(a, b) else "no",
        }


@few
@given(st.integers(0, 10**6), st.sampled_from([SINGLE, TWO, THREE, UNEVEN]), st.integers(2, 60))
def test_counterfactuals_match_in_all_lengths(seed: int, tokenizer: Any, n: int):
    task = addition(tokenizer, digits=3, n=n, seed=seed)
    for split in task.splits:
        for example, encoded in zip(split, split.encoded, strict=True):
            assert example.counterfactual
            assert example.counterfactual_answer
            clean, other = operands(example.prompt), operands(example.counterfactual)
            assert sorted(clean) != sorted(other)
            assert [len(str(x)) for x in clean] == [len(str(x)) for x in other]
            assert len(str(sum(clean))) == len(str(sum(other)))
            assert example.counterfactual_answer == f"{sum(other)}\n"
            assert len(encoded.counterfactual_answer) == len(encoded.answers[0])
            assert set(example.content) == {f"pair:{min(p)}+{max(p)}" for p in (clean, other)}


def differing(example: Example) -> int:
    assert example.counterfactual_answer
    answers = zip(example.answers[0][:-1], example.counterfactual_answer[:-1], strict=True)
    return sum(x != y for x, y in answers)


def test_counterfactual_answers_differ_in_every_digit_that_can():
    examples = [example for split in addition(SINGLE, n=400).splits for example in split]
    short = 0
    for example in examples:
        a, b = operands(example.prompt)
        fixed = 1 + (len(str(a)) != len(str(b)))  # 1, or 10 where one operand is shorter
        most = int(example.strata["length"]) - fixed * (example.strata["overflow"] == "yes")
        assert differing(example) <= most
        short += differing(example) < most
    assert short <= 0.01 * len(examples)


def test_the_best_partner_is_found_where_none_is_perfect():
    counts = Counts(train=12, validation=2, test=2, reference=2)
    for example in addition(SINGLE, digits=1, n=counts).train:
        own = [
            e
            for e in addition(SINGLE, digits=1, n=counts).train
            if e.strata["length"] == example.strata["length"] and e.prompt != example.prompt
        ]
        others = [
            sum(x != y for x, y in zip(e.answers[0], example.answers[0], strict=True)) for e in own
        ]
        assert differing(example) >= max(others)


@pytest.mark.parametrize(
    ("digits", "counts"),
    [
        (1, Counts(train=25, validation=10, test=10, reference=10)),
        (2, Counts(train=3001, validation=49, test=1500, reference=500)),
    ],
)
def test_every_pair_there_is(digits: int, counts: Counts):
    task = addition(SINGLE, digits=digits, n=counts)
    assert {split: len(getattr(task, split)) for split in SPLITS} == dict(counts.items())
    numbers = range(10**digits)
    everything = {(a, b) for a in numbers for b in numbers if a <= b}
    assert {(min(pair), max(pair)) for pair in pairs(task)} == everything
    assert len(pairs(task)) == len(everything)
    assert 0.4 < sum(a < b for a, b in pairs(task)) / len(everything) < 0.6


def test_more_than_there_are():
    with pytest.raises(TaskError, match=r"there are 55 pairs .* 1 to 1 digits .* but 57 examples"):
        addition(SINGLE, digits=1, n=Counts(train=27, validation=10, test=10, reference=10))
    with pytest.raises(TaskError, match="55 examples and 1 shots"):
        addition(
            SINGLE, digits=1, shots=1, n=Counts(train=25, validation=10, test=10, reference=10)
        )


def test_no_partner():
    counts = Counts(train=52, validation=1, test=1, reference=1)
    with pytest.raises(TaskError, match=r"addition/\w+: only 0 questions have a partner"):
        addition(SINGLE, digits=1, n=counts)


def test_operands_of_one_length():
    task = addition(SINGLE, digits=3, shortest=3, n=50)
    assert all(min(pair) >= 100 and max(pair) <= 999 for pair in pairs(task))
    assert len({len(item.prompt) for item in task.test.encoded}) == 1


def test_shots_are_the_same_for_all_and_never_asked():
    counts = Counts(train=20, validation=10, test=10, reference=10)
    options: dict[str, Any] = {"template": "{a} + {b} =", "answer": " {sum}\n"}
    task = addition(SINGLE, digits=1, n=counts, shots=4, **options)
    assert len(task.first_tokens) == 1 and task.config["start"] == ""
    prefixes = {example.prompt.rpartition("\n")[0] for split in task.splits for example in split}
    (prefix,) = prefixes
    shots = prefix.strip().split("\n")
    assert len(shots) == 4
    keys = {key for split in task.splits for example in split for key in example.content}
    for shot in shots:
        question, _, answer = shot.partition(" = ")
        a, b = operands(question)
        assert int(answer) == a + b
        assert f"pair:{min(a, b)}+{max(a, b)}" not in keys
    check(task, counts)


@pytest.mark.parametrize(
    ("tokenizer", "start"),
    [
        (toy(SINGLE_DIGITS), "\n"),
        (toy(SINGLE_DIGITS, bos="[BOS]"), "[BOS]"),
        (toy(SINGLE_DIGITS, bos="[BOS]", adds_bos=True), ""),
    ],
)
def test_the_first_position_tells_nothing(tokenizer: Any, start: str):
    task = addition(tokenizer, n=10)
    assert task.config["start"] == start
    assert task.test[0].prompt.startswith(start)
    assert len(task.first_tokens) == 1


def test_a_start_of_ones_own():
    task = addition(SINGLE, n=20, start="")
    assert len(task.first_tokens) > 1
    check(task, Counts.of(20))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"digits": 0}, "cannot have 1 to 0 digits"),
        ({"digits": 2, "shortest": 3}, "cannot have 3 to 2 digits"),
        ({"shots": -1}, "cannot be -1 shots"),
        ({"template": "{a}+b="}, r"must hold \{a\} and \{b\} once each, not '\{a\}\+b='"),
        ({"answer": "?\n"}, r"must hold \{sum\} once"),
        ({"answer": "{sum}"}, "has no end"),
        ({"template": "{a} + {b} = "}, "does not start at a token boundary"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], message: str):
    with pytest.raises(TaskError, match=message):
        addition(SINGLE, **options)


@pytest.mark.smollm2
def test_smollm2_writes_single_digits_after_its_bos(smollm2: Any):
    task = addition(smollm2)
    check(task, Counts())
    assert task.first_tokens == [smollm2.bos_token_id]
    example, encoded = task.test[0], task.test.encoded[0]
    assert len(encoded.answers[0]) == len(example.answers[0])
