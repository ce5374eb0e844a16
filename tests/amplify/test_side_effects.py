"""What a change does elsewhere."""

import copy
import json
import math

import pytest
import torch

from tapeout.amplify import MultipleChoice, Question, side_effects, staying_near
from tapeout.errors import AmplifyError
from tapeout.verify import drift_on, effect_on, paired

from ..tiny import Sizes
from ..words import learnable, word_model, word_task


@pytest.fixture(scope="module")
def case():
    base = word_model(sizes=Sizes(layers=2))
    hf = copy.deepcopy(base.hf)
    with torch.no_grad():
        for p in hf.parameters():
            p.mul_(1.3)
    questions = tuple(
        Question(question=f"w{i} w{i + 1}", choices=(f"w{i + 3}", f"w{i + 9} w{i}"), answer=i % 2)
        for i in range(3, 15)
    )
    choices = MultipleChoice(name="choices", questions=questions)
    return base, base.sibling(hf, "changed"), learnable(word_task(), base), choices


def test_every_number_is_that_of_its_own_measure(case):
    base, changed, task, choices = case
    found = side_effects(base, changed, texts=[task.reference], others=[task.test, choices])
    assert found.texts == {task.reference.name: drift_on(base, changed, task.reference)}
    assert found.others[task.test.name] == effect_on(base, changed, task.test)
    before, after = choices.right(base), choices.right(changed)
    assert before != after
    assert found.others["choices"].gain == paired(before, after)
    assert found.others["choices"].kl is None
    assert found.others["choices"].base.right == sum(before)


def test_what_went_too_far_has_no_score(case):
    base, changed, task, _ = case
    far = drift_on(base, changed, task.reference).value
    for most, score in ((far / 2, -math.inf), (far, 0.7)):
        near = staying_near(lambda model: 0.7, base, [task.reference], most)
        assert near(changed) == score and near(base) == 0.7
    drifts = [far, drift_on(base, changed, task.test).value]
    for most, score in ((sum(drifts) / 2, -math.inf), (max(drifts), 0.7)):
        near = staying_near(lambda model: 0.7, base, [task.reference, task.test], most)
        assert near(changed) == score and min(drifts) < sum(drifts) / 2


def test_rows_are_flat_and_plain(case):
    base, changed, task, choices = case
    found = side_effects(base, changed, texts=[task.reference], others=[task.test, choices])
    text, other, chosen = found.rows()
    assert text == {"name": task.reference.name, "n": 12, "kl": text["kl"]} | {
        "kl_low": text["kl_low"],
        "kl_high": text["kl_high"],
    }
    assert other["gain"] == other["changed"] - other["base"] and other["kl"] > 0
    assert "kl" not in chosen and chosen["criterion"] == "likeliest choice"
    assert json.loads(json.dumps(found.rows())) == found.rows()
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()


def test_a_model_beside_itself_has_none(case):
    base, _, task, choices = case
    found = side_effects(base, base, texts=[task.reference], others=[task.test, choices])
    assert [row.get("gain", 0.0) for row in found.rows()] == [0.0, 0.0, 0.0]
    assert found.texts[task.reference.name].value == pytest.approx(0, abs=1e-6)


def test_one_name_for_two_is_told(case):
    base, changed, task, _ = case
    with pytest.raises(AmplifyError, match="have the name"):
        side_effects(base, changed, texts=[task.test], others=[task.test])
