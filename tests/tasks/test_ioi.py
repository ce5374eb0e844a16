from collections import Counter
from itertools import islice
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.errors import TaskError
from tapeout.tasks import Counts, Example, ioi
from tapeout.tasks._words import MEN, OBJECTS, PLACES, WOMEN
from tapeout.tasks.ioi import TEMPLATES

from .checks import check, few
from .toy_tokenizers import SHORT_PIECES, SINGLE_DIGITS, toy

TOY = toy(SINGLE_DIGITS)


def names_in(example: Example, text: str) -> list[str]:
    known = {key.removeprefix("name:") for key in example.content if key.startswith("name:")}
    words = text.replace(",", "").replace(".", "").split()
    return [word for word in words if word in known]


@few
@given(st.integers(0, 10**6))
def test_holds_what_holds_for_every_task(seed: int):
    check(ioi(TOY, n=40, seed=seed), Counts.of(40))


def test_flipping_the_second_subject_swaps_answer_and_foil():
    plain, flipped = ioi(TOY, n=60), ioi(TOY, n=60, counterfactual="s2_io_flip")
    for a, b in zip(plain.test, flipped.test, strict=True):
        assert (a.prompt, a.answers, a.foils) == (b.prompt, b.answers, b.foils)
        names, swapped = names_in(b, b.prompt), names_in(b, b.counterfactual or "")
        assert swapped == [*names[:2], b.answers[0].strip()]
    (batch,) = flipped.test.take(1).batches(partner="counterfactual")
    assert batch.shared > 2
    with pytest.raises(TaskError, match="s2_io_flip"):
        ioi(TOY, counterfactual="s2_io_flop")


def test_says_the_subject_twice_and_the_answer_once():
    for example in ioi(TOY, n=120).test:
        first, second, subject = names_in(example, example.prompt)
        answer = example.answers[0].strip()
        expected = [answer, subject] if example.strata["order"] == "ABBA" else [subject, answer]
        assert [first, second] == expected
        assert example.foils == (f" {subject}",)
        assert example.prompt.endswith(" to")


def test_counterfactual_has_three_fresh_names_in_the_same_sentence():
    for example in ioi(TOY, n=120).train:
        assert example.counterfactual is not None
        fresh = names_in(example, example.counterfactual)
        clean = names_in(example, example.prompt)
        assert len(set(fresh)) == 3 and not set(fresh) & set(clean)
        skeleton = example.counterfactual
        for name, other in zip(fresh, clean, strict=True):
            skeleton = skeleton.replace(name, other, 1)
        assert skeleton == example.prompt


def test_content_lists_every_name_place_and_object_of_the_prompts():
    for example in ioi(TOY, n=60).test:
        text = f"{example.prompt} {example.counterfactual}".replace(",", "").replace(".", "")
        words = set(text.split())
        expected = {f"name:{word}" for word in words & {*WOMEN, *MEN}}
        expected |= {f"place:{word}" for word in words & set(PLACES)}
        expected |= {f"object:{word}" for word in words & set(OBJECTS)}
        assert set(example.content) == expected


def test_templates_and_orders_come_equally_often():
    examples = ioi(TOY, n=300).test
    assert set(Counter(example.strata["template"] for example in examples).values()) == {20}
    assert len({example.strata["template"] for example in examples}) == len(TEMPLATES) == 15
    assert Counter(example.strata["order"] for example in examples) == {"ABBA": 150, "BABA": 150}


def test_no_name_is_first_and_articles_fit():
    assert not any(template.startswith("{") for template in TEMPLATES)
    assert not any(word[0] in "aeiou" for word in OBJECTS)
    assert len(set(PLACES)) == len(PLACES) and len(set(OBJECTS)) == len(OBJECTS)
    assert len({*WOMEN, *MEN}) == len(WOMEN) + len(MEN)


def test_uses_single_token_names_only():
    tokenizer = toy(SHORT_PIECES)
    task = ioi(tokenizer, n=20)
    names = {name for example in task.test for name in names_in(example, example.prompt)}
    assert names and max(map(len, names)) <= 5


def test_metrics_prefer_the_answer():
    task = ioi(TOY, n=4)
    (batch,) = task.test.batches(partner="counterfactual")
    logits = torch.zeros(4, 1, len(TOY))
    logits[torch.arange(4), 0, batch.answers[:, 0]] = 3.0
    values = {name: metric.of(logits, batch) for name, metric in task.metrics.items()}
    assert list(values) == [
        "logit_difference",
        "above_foil",
        "probability_difference",
        "log_likelihood",
    ]
    assert values["logit_difference"].tolist() == [3.0] * 4
    assert values["above_foil"].tolist() == [1.0] * 4


def test_one_splits_size_does_not_change_another():
    small, large = ioi(TOY, n=Counts(train=2, test=30)), ioi(TOY, n=Counts(train=50, test=30))
    assert list(small.test) == list(large.test)


def test_too_few_names():
    kept = list(islice((*WOMEN, *MEN), 19))
    tokenizer = toy(SINGLE_DIGITS, without=[name for name in (*WOMEN, *MEN) if name not in kept])
    with pytest.raises(TaskError, match=r"needs 20 names .* has 19 of the 185"):
        ioi(tokenizer)


def test_fewest_names():
    kept = list(islice((*WOMEN, *MEN), 20))
    tokenizer = toy(SINGLE_DIGITS, without=[name for name in (*WOMEN, *MEN) if name not in kept])
    check(ioi(tokenizer, n=6), Counts.of(6))


def test_too_many_examples():
    with pytest.raises(TaskError, match=r"ioi/train can have \d+ different prompts at most"):
        ioi(TOY, n=Counts(train=10**8))


@pytest.mark.smollm2
def test_smollm2(smollm2: Any):
    check(ioi(smollm2), Counts())
