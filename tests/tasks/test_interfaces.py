import random
import re
import sys
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.errors import TaskError
from tapeout.models import Model
from tapeout.tasks import Task, addition, decisions, interfaces
from tapeout.tasks._carries import carries
from tapeout.tasks._contrasts import decision_of, decisions_of

from ..tiny import tiny_hf
from ..words import word_task
from .checks import few
from .toy_tokenizers import SINGLE_DIGITS, TWO_DIGITS, toy

SINGLE, TWO = toy(SINGLE_DIGITS), toy(TWO_DIGITS)
MODULE = sys.modules["tapeout.tasks.interfaces"]


def adder(tokenizer: Any) -> Model:
    """Stands for a model that is right where `knows` says so."""
    return Model(tiny_hf("llama"), tokenizer)


@pytest.fixture
def knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is right about sums that 7 does not divide."""

    def right(model: Model, split: Any, **_: Any) -> torch.Tensor:
        sums = [int(example.answers[0]) for example in split]
        return torch.tensor([total % 7 > 0 for total in sums])

    monkeypatch.setattr(MODULE, "answered_right", right)


def operands(prompt: str) -> tuple[int, int, str]:
    found = re.fullmatch(r"(?:.*\D)?(\d+) ?\+ ?(\d+) ?=(.*)", prompt, re.DOTALL)
    assert found
    return int(found[1]), int(found[2]), found[3].strip()


def made(tokenizer: Any = SINGLE, **options: Any) -> dict[str, Task]:
    return interfaces(adder(tokenizer), addition(tokenizer, **options))


@few
@given(st.integers(0, 10**6), st.integers(1, 4), st.data())
def test_partners_differ_in_the_decision_alone(seed: int, digits: int, data: st.DataObject):
    rng = random.Random(seed)
    for decision in decisions_of(digits):
        for _ in range(20):
            pair = rng.randrange(10**digits), rng.randrange(10**digits)
            for other in decision.partners(pair, rng):
                own, its = (list(map(int, reversed(str(sum(p))))) for p in (pair, other))
                assert [len(str(x)) for x in pair] == [len(str(x)) for x in other]
                changed = [a != b for a, b in zip(carries(*pair), carries(*other), strict=True)]
                differing = [at for at, (x, y) in enumerate(zip(own, its, strict=False)) if x != y]
                if decision.lengthens:
                    assert abs(len(own) - len(its)) == 1 and differing == []
                    assert changed.index(True) == len(changed) - 1
                    continue
                assert len(own) == len(its) and differing == [decision.column]
                expected = [] if decision.kind == "digit" else [decision.column - 1]
                assert [at for at, c in enumerate(changed) if c] == expected


@pytest.mark.parametrize("digits", [2, 3])
def test_prompts_hold_the_answer_up_to_the_digit_that_tells(knows: None, digits: int):
    tasks = made(digits=digits, n=24)
    assert list(tasks) == [d.name for d in decisions_of(digits)]
    for name, task in tasks.items():
        for split in task.splits:
            for example, encoded in zip(split, split.encoded, strict=True):
                a, b, written = operands(example.prompt)
                c, d, other = operands(example.counterfactual)
                whole, foil = f"{a + b}\n", f"{c + d}\n"
                step = int(example.strata["step"])
                assert whole[:step] == written and example.answers == (whole[step],)
                assert foil[:step] == other and example.foils == (foil[step],)
                assert whole[step] != foil[step]
                assert (a + b) % 7 and (c + d) % 7
                assert len(encoded.answers[0]) == len(encoded.foils[0]) == 1
                if name != "length":
                    assert written == other
                if name not in ("length", "overflow"):
                    assert len(whole) == len(foil)
                    assert whole[:step] + whole[step + 1 :] == foil[:step] + foil[step + 1 :]


def test_splits_stay_apart_from_those_of_the_addition(knows: None):
    task = addition(SINGLE, digits=2, n=40)
    model = adder(SINGLE)
    owner: dict[str, str] = {}
    for found in (task, *interfaces(model, task).values()):
        for split in found.splits:
            for example in split:
                for key in example.content:
                    name = split.name.rpartition("/")[2]
                    assert owner.setdefault(key, name) == name


def test_same_task_same_interfaces(knows: None):
    one, two = made(n=20), made(n=20)
    for name in one:
        assert [list(s) for s in one[name].splits] == [list(s) for s in two[name].splits]
    model = adder(SINGLE)
    alone = interfaces(model, addition(SINGLE, n=20), ["carry-1"])
    assert list(alone) == ["carry-1"]
    assert list(alone["carry-1"].train) == list(one["carry-1"].train)


def test_shots_and_spaces(knows: None):
    options = {"template": "{a} + {b} =", "answer": " {sum}\n"}
    tasks = made(n=20, shots=2, **options)
    for task in tasks.values():
        for example in task.test:
            a, b, written = operands(example.prompt)
            assert f"{a + b}\n".startswith(written + example.answers[0].lstrip(" "))
    assert all(e.answers[0].startswith(" ") for e in tasks["overflow"].train)


def test_what_cannot_be():
    model = adder(SINGLE)
    task = addition(SINGLE, n=20)
    assert decisions(task) == ["digit-0", "digit-1", "carry-1", "overflow", "length"]
    with pytest.raises(TaskError, match="did you mean 'carry-1'"):
        interfaces(model, task, ["carry-9"])
    with pytest.raises(TaskError, match="no decision 'carry-0'"):
        decision_of("carry-0", 2)
    with pytest.raises(TaskError, match="words is not addition"):
        interfaces(model, word_task())


def test_tokens_of_several_digits_are_refused(knows: None):
    with pytest.raises(TaskError, match="writes single digits"):
        made(TWO, n=40)


def test_a_model_that_cannot_add(monkeypatch: pytest.MonkeyPatch):
    wrong = lambda model, split, **_: torch.zeros(len(split), dtype=torch.bool)  # noqa: E731
    monkeypatch.setattr(MODULE, "answered_right", wrong)
    with pytest.raises(TaskError, match="none where the model answers both right"):
        made(n=20)


@pytest.mark.smollm2
def test_smollm2_writes_single_digits(knows: None, smollm2: Any):
    for options in ({}, {"template": "{a} + {b} =", "answer": " {sum}\n", "shots": 2}):
        for task in made(smollm2, n=16, **options).values():
            item = task.test.encoded[0]
            assert len(item.answers[0]) == 1
