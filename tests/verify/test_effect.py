"""A changed model beside its base."""

import copy

import pytest
import torch

from tapeout.verify import drift_from, drift_on, effect_on

from ..tiny import Sizes
from ..words import learnable, word_model, word_task


@pytest.fixture(scope="module")
def case():
    base = word_model(sizes=Sizes(layers=2))
    task = learnable(word_task(answer_words=2), base)
    hf = copy.deepcopy(base.hf)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in hf.parameters():
            p.add_(0.2 * torch.randn(p.shape, generator=generator))
    return base, base.sibling(hf, "changed"), task.test


def by_hand(base, changed, split):
    """Every example alone: KL a token of its answer."""
    found = []
    for item in split.encoded:
        row = torch.tensor([item.prompt + item.answers[0][:-1]])
        n = len(item.answers[0])
        with torch.no_grad():
            p, q = (m.hf(row).logits[0, -n:].log_softmax(-1) for m in (base, changed))
        found.append(float((p.exp() * (p - q)).sum()) / n)
    return found


def test_accuracy_and_distance_are_those_of_each_example(case):
    base, changed, split = case
    found = effect_on(base, changed, split)
    expected = by_hand(base, changed, split)
    assert found.kl.value == pytest.approx(sum(expected) / len(expected), abs=1e-5)
    assert found.kl.n == len(split)
    assert found.base.value == 1.0  # the answers are what the base writes
    assert found.changed.value < 1.0
    assert found.gain.value == pytest.approx(found.changed.value - 1.0)
    assert found.gain.gained == 0
    assert drift_on(base, changed, split) == found.kl
    plain = found.to_dict()
    assert plain["split"] == split.name and plain["kl_to_base"]["n"] == len(split)
    assert plain["gain"]["value"] == plain["changed"]["value"] - plain["base"]["value"]


def test_the_base_runs_once_for_several_changed_models(case):
    base, changed, split = case
    drift, ran = drift_from(base, split), []
    hook = base.hf.register_forward_hook(lambda *_: ran.append(1))
    far = drift(changed)
    once = len(ran)
    assert drift(changed) == far and far.value > 0 and once
    assert drift(base).value == pytest.approx(0, abs=1e-6)
    hook.remove()
    assert len(ran) == 2 * once  # as often again as the changed model itself


def test_a_model_beside_itself_has_not_changed(case):
    base, _, split = case
    found = effect_on(base, base, split)
    assert found.kl.value == pytest.approx(0, abs=1e-6)
    assert (found.gain.value, found.gain.p) == (0.0, 1.0)
