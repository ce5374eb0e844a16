"""Controls: what a conditioning is trained on."""

from dataclasses import replace

import pytest

from tapeout.errors import ReshapeError
from tapeout.reshape import Conditioning, condition
from tapeout.reshape._controls import training_split
from tapeout.verify import evaluate

from ..tiny import Sizes
from ..words import learnable, word_model, word_task

QUICK = Conditioning(rank=2, steps=2, batch_size=6)


@pytest.fixture(scope="module")
def case():
    """A task that a model can do, and one in which it does every other example."""
    model = word_model(sizes=Sizes(d_mlp=16))
    able = learnable(word_task(n=12), model).train
    unable = word_task(n=12).train
    mixed = [(able if row % 2 else unable).examples[row] for row in range(12)]
    return model, able, replace(able, examples=mixed)


def test_as_it_is_by_default(case):
    model, able, _ = case
    assert training_split(model, able, QUICK) is able


def test_only_what_the_base_gets_right_or_wrong(case):
    model, _, mixed = case
    right = training_split(model, mixed, replace(QUICK, only="right"))
    wrong = training_split(model, mixed, replace(QUICK, only="wrong"))
    assert bool(evaluate(model, right).correct.all())
    assert not bool(evaluate(model, wrong).correct.any())
    assert sorted(e.prompt for e in [*right, *wrong]) == sorted(e.prompt for e in mixed)
    assert (
        "wrong"
        in condition(model, mixed, config=replace(QUICK, only="wrong")).change.origin["split"]
    )


def test_random_labels_are_each_others(case):
    model, able, _ = case
    dealt = training_split(model, able, replace(QUICK, labels="random"))
    assert [e.prompt for e in dealt] == [e.prompt for e in able]
    assert sorted(e.answers for e in dealt) == sorted(e.answers for e in able)
    assert [e.answers for e in dealt] != [e.answers for e in able]
    again = training_split(model, able, replace(QUICK, labels="random"))
    assert [e.answers for e in again] == [e.answers for e in dealt]


def test_no_example_left_is_told(case):
    model, able, _ = case
    with pytest.raises(ReshapeError, match="Choose a harder task"):
        condition(model, able, config=replace(QUICK, only="wrong"))
