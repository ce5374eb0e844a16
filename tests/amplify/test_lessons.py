"""Worked solutions as rows of tokens: what is read, what is learned, in whatever parts."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.amplify import lora
from tapeout.amplify._lessons import IGNORED, Lesson, parts_of

from ..tiny import gap
from .lessons import SIZES, STILL, loss_by_hand, taught, trainer_of
from .parity import model as parity_model

TOKENS = st.lists(st.integers(3, 60), min_size=1, max_size=5).map(tuple)


@given(st.lists(st.tuples(TOKENS, TOKENS), min_size=1, max_size=9), st.integers(1, 4))
def test_parts_hold_every_solution_behind_its_prompt(pairs, most):
    lessons = [Lesson(*pair) for pair in pairs]
    found = []
    for part in parts_of(lessons, most):
        assert len(part.tokens) <= most and part.tokens.mask is None
        for ids, targets in zip(part.tokens.ids.tolist(), part.targets.tolist(), strict=True):
            places = [place for place, token in enumerate(targets) if token != IGNORED]
            assert places[0] >= part.first
            assert places == list(range(places[0], places[-1] + 1))
            solution = [targets[place] for place in places]
            assert ids[places[0] + 1 : places[-1] + 1] == solution[:-1]
            found.append((tuple(ids[: places[0] + 1]), tuple(solution)))
    assert sorted(found) == sorted(pairs)


@pytest.mark.parametrize("family", ["gpt2", "gemma2", "phi3"])
def test_the_first_loss_is_the_bases_own(family):
    """Whatever the reach and the parts; so the model's own dropout (GPT-2) is off."""
    model, task = parity_model(family, SIZES), taught()
    whole = replace(STILL, batch=len(task.train))
    expected = loss_by_hand(model, task)
    for changes in ({}, {"reach": "all"}, {"rows": 1}, {"rows": 32}):
        curve = lora(model, task, replace(whole, **changes)).curve
        assert curve[0]["loss"] == pytest.approx(expected, abs=1e-5), changes
    bare = lora(model, task, replace(whole, shots=False)).curve
    assert bare[0]["loss"] == pytest.approx(loss_by_hand(model, taught(shots=False)), abs=1e-5)
    assert bare[0]["loss"] != pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("reach", ["behind_prefix", "all"])
def test_the_gradient_does_not_depend_on_the_parts(reach):
    found = {}
    for rows in (1, 3, 16):
        config = replace(STILL, rows=rows, reach=reach, batch=10)
        trainer = trainer_of(parity_model("qwen3", SIZES), config)
        for p in trainer.copy.parameters.values():  # at 0 the first factors have no gradient
            with torch.no_grad():
                p.add_(0.1)
        trainer._gradients()
        found[rows] = [p.grad for p in trainer.copy.parameters.values()]
    for rows in (3, 16):
        assert all(gap(a, b) <= 1e-5 for a, b in zip(found[1], found[rows], strict=True))
