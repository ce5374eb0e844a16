"""Pairs as a split: tokens as they are, problems kept together."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.amplify import divide, pair_split
from tapeout.errors import AmplifyError

from ..tiny import VOCAB, tiny
from .pairs import PREFIX, pair_set, random_set, record


@pytest.fixture(scope="module")
def model():
    return tiny("llama")


def test_a_row_is_the_prefix_and_the_record_and_each_has_its_own_pair(model):
    records = [record([5, 6], 11, 12), record([7], 13, 14)]
    (batch,) = pair_split(pair_set(model, records), model).batches(4)
    for row, place in enumerate(batch.rows.tolist()):
        own = records[place]
        kept = batch.tokens.full_mask[row].bool()
        assert tuple(batch.tokens.ids[row][kept].tolist()) == (*PREFIX, *own.tokens)
        assert batch.answers[row].tolist() == batch.accepted[row].tolist() == [own.desired]
        assert batch.foils[row].tolist() == [own.undesired]


@given(
    problems=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=4, max_size=40),
    seed=st.integers(0, 5),
)
def test_all_pairs_of_a_problem_are_on_one_side(model, problems, seed):
    records = [record([5], template=f"t{t}", instance=i) for t, i in problems]
    split = pair_split(pair_set(model, records), model)
    if len(set(problems)) < 3:
        with pytest.raises(AmplifyError, match="too few"):
            divide(split, seed=seed)
        return
    sides = divide(split, seed=seed)
    assert sum(len(side) for side in sides) == len(records)
    kinds = [set(side.problems) for side in sides]
    assert all(kinds) and sum(len(kind) for kind in kinds) == len(set(problems))
    assert [len(kind) for kind in kinds[1:]] == [max(round(0.15 * len(set(problems))), 1)] * 2
    again = divide(split, seed=seed)
    assert [side.problems for side in again] == [side.problems for side in sides]


@pytest.mark.parametrize("how", ["fewer", "repeat"])
def test_balance_takes_as_many_of_each_kind(model, how):
    split = pair_split(random_set(model, 41), model)
    right = sum(r.greedy_right for r in split.records)
    assert right != 41 - right
    balanced = split.balanced(how, seed=1)
    count = (min if how == "fewer" else max)(right, 41 - right)
    assert [r.greedy_right for r in balanced.records].count(True) == count
    assert len(balanced) == 2 * count and "balanced" in balanced.name
    assert {id(r) for r in balanced.records} <= {id(r) for r in split.records}
    if how == "repeat":
        assert {id(r) for r in balanced.records} == {id(r) for r in split.records}
    assert split.balanced("none") is split
    one_kind = split.subset([row for row, r in enumerate(split.records) if r.greedy_right], "x")
    with pytest.raises(AmplifyError, match="only pairs whose greedy answer was right"):
        one_kind.balanced(how)


def test_batches_are_full_whatever_the_lengths(model):
    split = pair_split(random_set(model, 21), model)
    assert [len(batch) for batch in split.batches(8)] == [8, 8, 5]


def test_parts_of_a_split_keep_tokens_and_records_together(model):
    split = pair_split(random_set(model, 20), model)
    part = split.subset([4, 2], "two").take(1)
    assert len(part) == 1 and part.records[0] is split.records[4]
    assert part.encoded[0] == split.encoded[4]
    (batch,) = part.batches(4)
    assert torch.equal(batch.rows, torch.tensor([0]))


def test_bad_records_are_told(model):
    good = record([5])
    for bad, match in (
        (replace(good, undesired=7), "desires the token that it does not"),
        (replace(good, tokens=(VOCAB,)), "another tokenizer"),
    ):
        with pytest.raises(AmplifyError, match=match):
            pair_split(pair_set(model, [good, bad]), model)
    with pytest.raises(AmplifyError, match="nothing before"):
        pair_split(pair_set(model, [record([])], prefix=()), model)
