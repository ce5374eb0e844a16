"""What nodes hold on pairs and on text, against `record` and `node_contexts`."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from tapeout.circuits import Circuit, Universe
from tapeout.errors import TaskError
from tapeout.interventions import record
from tapeout.verify.nodes import node_contexts, pair_activations, text_activations

from ...words import word_model, word_task
from .cases import Case, case


@pytest.fixture(scope="module")
def given() -> Case:
    return case()


def test_pairs_hold_what_a_run_of_each_side_holds(given: Case):
    model, split = given.model, given.task.test
    found = pair_activations(model, given.circuit, split, batch_size=5)
    assert list(found.nodes) == given.circuit.nodes()
    assert found.values.shape == (given.circuit.size, len(split), 2)
    places = {(0, "attn.v"), (1, "mlp.post_act")}
    checked = 0
    for row, batch in ((int(b.rows[0]), b) for b in split.batches(1, partner="counterfactual")):
        seen = record(model, batch.lockstep_prompts, places)
        assert found.examples[row][0] == batch.examples[0].prompt
        for number, node in enumerate(found.nodes):
            layer, site, channel = (
                int(node[0]),
                node[2:].rpartition(".")[0],
                node.rpartition(".")[2],
            )
            if (layer, site) in places:
                expected = seen[layer, site][:, -1, int(channel)]
                assert found.values[number, row].tolist() == pytest.approx(
                    expected.tolist(), abs=1e-5
                )
                checked += 1
    assert checked > len(split)


def test_heads_and_blocks_are_told_by_their_norm():
    model = word_model("llama")
    universe = Universe.of(model.shape, "attn.z:head,mlp.resid_delta:block,layer")
    circuit = Circuit.of(universe, ["0.layer.block", "1.attn.z.head1", "0.mlp.resid_delta.block"])
    split = word_task(n=6).test
    found = pair_activations(model, circuit, split)
    assert sorted(found.nodes) == ["0.mlp.resid_delta.block"]  # layer 1 is dropped, and its heads
    batch = next(iter(split.batches(1, partner="counterfactual")))
    x = record(model, batch.lockstep_prompts, [(0, "mlp.resid_delta")])[0, "mlp.resid_delta"]
    row = int(batch.rows[0])
    assert found.values[0, row].tolist() == pytest.approx(x[:, -1].norm(dim=-1).tolist(), abs=1e-5)


def test_text_agrees_with_the_check_that_writes_contexts_out(given: Case):
    model, text = given.model, given.task.train
    found = text_activations(model, given.circuit, text, percentiles=(0.0, 10.0), batch_size=5)
    rows = {r.node: r for r in node_contexts(model, given.circuit, text, percentiles=(0.0, 10.0))}
    assert set(rows) == set(found.nodes)
    for number, node in enumerate(found.nodes):
        levels = [p.activation for p in rows[node].percentiles]
        assert found.levels[number].tolist() == pytest.approx(levels, abs=1e-5)
        for at in range(len(found.percentiles)):
            example, token = found.places[number, at, 0].tolist()
            assert 0 < token < len(found.documents[example])
            closest = abs(float(found.values[number, at, 0]) - levels[at])
            assert closest == pytest.approx(0.0, abs=1e-5)


@settings(deadline=None, max_examples=5)
@drawn(room=st.integers(1, 40))
def test_the_room_for_activations_changes_nothing(room: int):
    chosen = case()
    text = chosen.task.train
    tokens = sum(len(item.prompt) + len(item.answers[0]) - 2 for item in text.encoded)
    circuit = Circuit.of(chosen.circuit.universe, range(0, chosen.circuit.universe.size, 9))
    whole = text_activations(chosen.model, circuit, text, batch_size=100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tapeout.verify.nodes._recorded.MIB", 4 * tokens * room)
        parts = text_activations(chosen.model, circuit, text, batch_size=100, memory_mb=1)
    for own in ("levels", "places", "values"):
        assert torch.equal(getattr(whole, own), getattr(parts, own))


def test_fewer_examples_than_contexts(given: Case):
    text = given.task.train.take(2)
    found = text_activations(given.model, given.circuit, text, percentiles=(50.0,), each=3)
    assert (found.places[:, :, 2] == -1).all() and (found.places[:, :, 1] >= 0).all()


def test_what_cannot_be_told_is_said(given: Case):
    with pytest.raises(TaskError, match="from 0 to 50"):
        text_activations(given.model, given.circuit, given.task.train, percentiles=(90.0,))
    examples = [replace(given.task.test[0], counterfactual=None)]
    plain = replace(given.task.test, examples=examples)
    with pytest.raises(TaskError, match="need a counterfactual for every example"):
        pair_activations(given.model, given.circuit, plain)
