from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.errors import TaskError
from tapeout.tasks import Counts, pronouns
from tapeout.tasks._words import MEN, WOMEN
from tapeout.tasks.pronouns import TEMPLATES

from .checks import check, few
from .toy_tokenizers import SHORT_PIECES, SINGLE_DIGITS, toy

TOY = toy(SINGLE_DIGITS)
PIECES = toy(SHORT_PIECES)


def name_in(text: str) -> str:
    (name,) = {word for word in text.replace(",", "").split() if word in {*WOMEN, *MEN}}
    return name


@few
@given(st.integers(0, 10**6), st.sampled_from([TOY, PIECES]))
def test_holds_what_holds_for_every_task(seed: int, tokenizer: Any):
    check(pronouns(tokenizer, n=30, seed=seed), Counts.of(30))


def test_the_counterfactual_is_a_name_of_the_other_gender():
    for example in pronouns(PIECES, n=100).test:
        assert example.counterfactual is not None
        name, partner = name_in(example.prompt), name_in(example.counterfactual)
        assert example.strata["gender"] == ("female" if name in WOMEN else "male")
        assert (name in WOMEN) != (partner in WOMEN)
        assert example.answers == ((" she",) if name in WOMEN else (" he",))
        assert example.foils == (example.counterfactual_answer,) != example.answers
        assert example.counterfactual.replace(partner, name) == example.prompt
        assert set(example.content) == {f"name:{name}", f"name:{partner}"}


def test_names_of_several_lengths_are_used():
    examples = pronouns(PIECES, n=200).train
    lengths = {len(PIECES(f" {name_in(example.prompt)}").input_ids) for example in examples}
    assert lengths == {1, 2}


def test_genders_and_templates_come_equally_often():
    examples = pronouns(TOY, n=200).test
    assert Counter(example.strata["gender"] for example in examples) == {"female": 100, "male": 100}
    assert len({example.strata["template"] for example in examples}) == len(TEMPLATES) == 10
    assert set(Counter(example.strata["template"] for example in examples).values()) == {20}


def test_every_prompt_can_be_asked_for_and_no_more():
    with pytest.raises(TaskError, match=r"pronouns/validation can have \d+ .* not 9999") as caught:
        pronouns(TOY, n=Counts(validation=9999))
    most = int(str(caught.value).split("can have ")[1].split()[0])
    assert most % len(TEMPLATES) == 0
    counts = Counts(train=2, validation=most, test=2, reference=2)
    check(pronouns(TOY, n=counts), counts)


def test_too_few_names():
    tokenizer = toy(SINGLE_DIGITS, without=WOMEN[3:])
    with pytest.raises(TaskError, match=r"needs 4 names of each gender .* gives 3 at most"):
        pronouns(tokenizer)
    with pytest.raises(TaskError, match="gives 0 at most"):
        pronouns(toy(SINGLE_DIGITS, without=(*WOMEN, *MEN)))


def test_fewest_names():
    check(pronouns(toy(SINGLE_DIGITS, without=(*WOMEN[4:], *MEN[4:])), n=8), Counts.of(8))


@pytest.mark.smollm2
def test_default_size_works_with_smollm2(smollm2: Any):
    check(pronouns(smollm2), Counts.of(300))
