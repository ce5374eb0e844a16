import copy

import pytest
import torch
from pytest import approx

from tapeout.errors import ModelError, TaskError
from tapeout.models import Model
from tapeout.verify.audits import effective_rank, geometry
from tapeout.verify.audits._places import at_answer, places_of

from ...tiny import ALL_FAMILIES, Sizes, gap, tiny
from ...words import word_model
from ..strata import stratified

SIZES = Sizes(layers=2)


@pytest.fixture(scope="module")
def case():
    return word_model(sizes=SIZES), stratified()


def test_a_model_is_like_itself(case):
    model, task = case
    found = geometry(model, task.test, model, top=3)
    assert {cloud.site for cloud in found.clouds} == {"mlp.post_act", "residual"}
    for cloud in found.clouds:
        assert cloud.effective_rank == cloud.base_effective_rank
        assert cloud.participation_ratio == cloud.base_participation_ratio
        if cloud.n > 3:
            assert cloud.cka == approx(1, abs=1e-6)
            assert cloud.top_overlap == approx(1, abs=1e-5)
            assert 1 <= cloud.participation_ratio <= cloud.effective_rank + 1e-6
        assert cloud.effective_rank <= min(cloud.n - 1, 12) + 1e-6


def test_ranks_are_those_of_the_activations(case):
    model, task = case
    found = geometry(model, task.test, sites=["residual"], batch_size=5)
    taps, rows, odd = places_of(model, "residual"), [], []
    for batch in task.test.batches():
        x = at_answer(model, batch, taps)[1, "residual"]
        rows.append(x.flatten(0, 1))
        odd.append(x[[e.strata["parity"] == "odd" for e in batch.examples]].flatten(0, 1))
    by = {(c.stratum, c.value): c for c in found.clouds if c.layer == 1}
    assert by["all", "all"].effective_rank == approx(effective_rank(torch.cat(rows)), rel=1e-4)
    assert by["parity", "odd"].effective_rank == approx(effective_rank(torch.cat(odd)), rel=1e-4)
    sizes = {key: cloud.n for key, cloud in by.items()}
    assert sizes["all", "all"] == 36 and sizes["parity", "odd"] == 18
    assert sizes["answer token", "2"] == 12 and sizes["first", "yes"] == 3


def test_rows_say_all_and_means_are_over_layers(case):
    model, task = case
    data = geometry(model, task.test, top=3).to_dict()
    assert data["n"] == 12 and data["split"] == "words/test" and data["base"] == ""
    assert set(data["definitions"]) == {
        "effective_rank",
        "participation_ratio",
        "cka",
        "top_overlap",
    }
    ranks = [
        row["effective_rank"]
        for row in data["rows"]
        if (row["site"], row["stratum"]) == ("residual", "all")
    ]
    mean = data["mean_over_layers"]["residual"]["all: all"]
    assert mean["effective_rank"] == approx(sum(ranks) / 2) and "cka" not in mean


def test_the_budget_changes_passes_only(case):
    model, task = case
    other = word_model(sizes=Sizes(layers=2, seed=3))
    calls: list[int] = []
    once = geometry(model, task.test, other, top=2)
    many = geometry(
        model, task.test, other, top=2, budget=1, progress=lambda done, total: calls.append(total)
    )
    assert once == many and max(calls) >= 4
    whole = [c for c in once.clouds if c.stratum == "all"]
    assert all(c.cka is not None and c.cka < 0.999 for c in whole)


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_the_residual_stream_is_what_layers_leave(family):
    hf = tiny(family, SIZES)
    task = stratified()
    model = Model(hf.hf, word_model(sizes=SIZES).tokenizer)
    for batch in task.test.batches():
        found = at_answer(model, batch, places_of(model, "residual"))
        with torch.no_grad():
            states = model.hf(
                input_ids=batch.tokens.ids,
                attention_mask=batch.tokens.mask,
                position_ids=batch.tokens.position_ids,
                output_hidden_states=True,
            ).hidden_states
        assert gap(found[0, "residual"], states[1][:, -3:]) <= 1e-5


def test_the_model_is_as_before(case):
    model, task = case
    before = copy.deepcopy(model.hf.state_dict())
    model.hf.train()
    geometry(model, task.test)
    assert model.hf.training
    model.hf.eval()
    after = model.hf.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.hf.modules())


def test_what_cannot_be_compared_is_told(case):
    model, task = case
    with pytest.raises(ModelError, match="compare models of one depth"):
        geometry(model, task.test, word_model(sizes=Sizes(layers=3)))
    with pytest.raises(TaskError, match="did you mean 'parity'"):
        geometry(model, task.test, strata=["party"])
