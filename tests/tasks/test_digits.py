import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.errors import TaskError
from tapeout.tasks import Counts, build

from .checks import check, few
from .toy_tokenizers import SINGLE_DIGITS, THREE_DIGITS, TWO_DIGITS, UNEVEN_DIGITS, toy

TOYS = [toy(pattern) for pattern in (SINGLE_DIGITS, TWO_DIGITS, THREE_DIGITS, UNEVEN_DIGITS)]
SINGLE = TOYS[0]


def relation(a: str, b: str) -> str:
    return "=" if int(a) == int(b) else "<" if int(a) < int(b) else ">"


ORACLES: dict[str, tuple[str, Callable[..., str]]] = {
    "subtraction": (r"(\d+)-(\d+)=", lambda a, b: str(int(a) - int(b))),
    "maximum": (r"m(\d+),(\d+)=", lambda a, b: str(max(int(a), int(b)))),
    "comparison": (r"(\d+)\?(\d+)=", relation),
    "copy": (r"c(\d+)=", lambda text: text),
    "reversal": (r"r(\d+)=", lambda text: text[::-1]),
}
names = pytest.mark.parametrize("name", ORACLES)


def operands(name: str, prompt: str) -> tuple[str, ...]:
    found = re.fullmatch(ORACLES[name][0], prompt.strip())
    assert found
    return found.groups()


def solved(name: str, prompt: str) -> str:
    return ORACLES[name][1](*operands(name, prompt))


@few
@given(
    st.sampled_from(sorted(ORACLES)),
    st.integers(0, 10**6),
    st.sampled_from(TOYS),
    st.sampled_from([2, 4, 25]),
    st.integers(2, 40),
    st.integers(0, 3),
)
def test_holds_what_holds_for_every_task(
    name: str, seed: int, tokenizer: Any, digits: int, n: int, shots: int
):
    options: dict[str, Any] = {"digits": digits, "n": n, "seed": seed, "shots": shots}
    check(build(name, tokenizer, **options), Counts.of(n))


@names
@pytest.mark.parametrize("tokenizer", TOYS)
def test_answers_are_right_and_counterfactuals_have_another(name: str, tokenizer: Any):
    task = build(name, tokenizer, n=150, seed=2)
    for split in task.splits:
        for example, encoded in zip(split, split.encoded, strict=True):
            assert example.answers == (solved(name, example.prompt) + "\n",)
            assert example.counterfactual and example.counterfactual_answer
            other = solved(name, example.counterfactual) + "\n"
            assert example.counterfactual_answer == other != example.answers[0]
            assert len(other) == len(example.answers[0])
            assert len(encoded.counterfactual_answer) == len(encoded.answers[0])
            own, its = operands(name, example.prompt), operands(name, example.counterfactual)
            if name == "comparison":
                assert len("".join(own)) == len("".join(its))
            else:
                assert [len(text) for text in own] == [len(text) for text in its]


@names
def test_strata_are_those_of_the_operands(name: str):
    for example in build(name, SINGLE, n=200).train:
        own = operands(name, example.prompt)
        if len(own) == 1:
            assert example.strata == {"length": str(len(own[0]))}
            continue
        a, b = map(int, own)
        larger = {-1: "second", 0: "equal", 1: "first"}[(a > b) - (a < b)]
        if name != "subtraction":
            assert example.strata == {"larger": larger}
            continue
        high, low = max(a, b), min(a, b)
        assert example.strata == {
            "sign": {"second": "negative", "equal": "zero", "first": "positive"}[larger],
            "borrow": "yes" if high % 10 < low % 10 else "no",
            "length": str(len(str(high - low))),
        }


@names
def test_all_lengths_occur(name: str):
    examples = [example for split in build(name, SINGLE).splits for example in split]
    digits = 4 if name in ("copy", "reversal") else 2
    lengths = {len(text) for e in examples for text in operands(name, e.prompt)}
    assert lengths == set(range(1, digits + 1))


def test_zeros_in_front_are_part_of_a_text():
    examples = build("copy", SINGLE, n=300).train
    assert any(example.answers[0].startswith("0") for example in examples)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("copy", {"template": "copy="}, r"template must hold \{text\} once, not 'copy='"),
        ("copy", {"digits": 1}, "there are 10 texts of 1 to 1 digits, but 1200 examples"),
        ("subtraction", {"template": "{a}-="}, r"must hold \{a\} and \{b\} once each"),
        ("maximum", {"answer": "{sum}\n"}, r"answer must hold \{result\} once"),
        ("comparison", {"answer": "{result}"}, "has no end"),
        ("reversal", {"shortest": 5}, "operands cannot have 5 to 4 digits"),
    ],
)
def test_options_that_make_no_sense(name: str, options: dict[str, Any], message: str):
    with pytest.raises(TaskError, match=message):
        build(name, SINGLE, **options)


@pytest.mark.smollm2
@names
def test_smollm2_writes_them(smollm2: Any, name: str):
    options: dict[str, Any] = {}
    spaced = {"subtraction": "{a} - {b} =", "comparison": "{a} ? {b} ="}
    if name in spaced:  # `=-` and `==` are one token
        with pytest.raises(TaskError, match=r"start the answer with one \(answer=' {result}"):
            build(name, smollm2, n=40)
        options = {"template": spaced[name], "answer": " {result}\n"}
    task = build(name, smollm2, n=40, **options)
    check(task, Counts.of(40))
    assert task.first_tokens == [smollm2.bos_token_id]
