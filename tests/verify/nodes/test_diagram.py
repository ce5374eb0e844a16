"""What a picture of a circuit shows, on a model whose weights are known."""

from dataclasses import replace

import pytest
import torch

from tapeout.circuits import SPARSE_NODES, Circuit, Universe
from tapeout.models import Model
from tapeout.verify.nodes import activity, diagram, edges_on

from ...tiny import Sizes, tiny_hf
from ...words import word_task, word_tokenizer

NODES = [
    "0.mlp.act_in.1",
    "0.mlp.post_act.2",
    "0.mlp.resid_delta.3",
    "1.attn.act_in.3",
    "1.attn.v.5",
    "1.attn.resid_delta.0",
    "1.attn.q.4",
    "1.attn.k.4",
    "1.mlp.post_act.9",
]


@pytest.fixture(scope="module")
def model() -> Model:
    """Of the last neuron and of the query and key no weight is left."""
    hf = tiny_hf("weight_sparse", Sizes(layers=2, bias=True, seed=1))
    with torch.no_grad():
        attn = hf.transformer.h[1].attn
        width = attn.c_proj.in_features
        attn.c_attn.weight[[4, width + 4]] = 0
        attn.c_attn.bias[4] = 0.5
        attn.c_attn.bias[width + 4] = 0
        hf.transformer.h[1].mlp.c_fc.weight[9] = 0
        hf.transformer.h[1].mlp.c_fc.bias[9] = 0
    return Model(hf, word_tokenizer(), name="words")


@pytest.fixture(scope="module")
def circuit(model: Model) -> Circuit:
    return Circuit.of(Universe.of(model.shape, SPARSE_NODES), NODES)


def test_it_shows_what_is_connected(model: Model, circuit: Circuit):
    split = word_task(n=8).test
    found = diagram(model, edges_on(model, circuit, split), split)
    names = [f"{node.layer}.{node.site}.{node.channel}" for node in found.nodes]
    assert set(names) == set(NODES) - {"1.attn.k.4", "1.mlp.post_act.9"}
    assert (found.unconnected, found.more_nodes, found.more_edges) == (2, 0, 0)
    by_name = dict(zip(names, found.nodes, strict=True))
    assert by_name["1.attn.q.4"].bias == 0.5 and by_name["1.attn.q.4"].head == 1
    assert by_name["0.mlp.post_act.2"].head is None
    layers, spread = model.hf.transformer.h, activity(model, split, SPARSE_NODES).deviation
    weights = {
        ("0.mlp.act_in.1", "0.mlp.post_act.2"): layers[0].mlp.c_fc.weight[2, 1],
        ("0.mlp.post_act.2", "0.mlp.resid_delta.3"): layers[0].mlp.c_proj.weight[3, 2],
        ("1.attn.act_in.3", "1.attn.v.5"): layers[1].attn.c_attn.weight[-16 + 5, 3],
        ("1.attn.v.5", "1.attn.resid_delta.0"): layers[1].attn.c_proj.weight[0, 5],
    }
    assert len(found.edges) == len(weights)
    for edge in found.edges:
        source = found.nodes[edge.source]
        weight = weights[names[edge.source], names[edge.target]].item()
        assert edge.weight == pytest.approx(weight)
        moved = float(spread[source.layer, source.site][source.channel])
        assert edge.flow == pytest.approx(abs(weight) * moved)
        assert source.deviation == pytest.approx(moved)
    assert [e.flow for e in found.edges] == sorted((e.flow for e in found.edges), reverse=True)


def test_streams_carry_tokens_where_they_meet_them(model: Model, circuit: Circuit):
    split = word_task(n=8).test
    found = {s.channel: s for s in diagram(model, edges_on(model, circuit, split), split).streams}
    assert sorted(found) == [0, 1, 3]
    assert found[1].read and not found[1].written  # read and never written
    assert found[0].written and not found[0].read
    assert found[3].read and found[3].written
    head = model.hf.lm_head.weight
    answers = {text[0] for item in split.encoded for text in (*item.answers, *item.foils)}
    best = max(answers, key=lambda token: abs(head[token, 0].item()))
    assert found[0].written[0].token == f"w{best}"
    assert found[0].written[0].weight == pytest.approx(head[best, 0].item())


def test_what_does_not_fit_is_counted(model: Model):
    split = word_task(n=4).test
    full = Circuit.full(Universe.of(model.shape, SPARSE_NODES))
    edges = edges_on(model, full, split)
    whole = diagram(model, edges, split, most_nodes=10**6, most_edges=10**6)
    few = diagram(model, edges, split, most_nodes=7, most_edges=3)
    assert len(whole.edges) == edges.counts()["edges"] and not whole.more_nodes
    assert len(few.nodes) == 7 and few.more_nodes == len(whole.nodes) - 7
    assert few.more_edges == len(whole.edges) - len(few.edges)
    assert whole.unconnected == few.unconnected == full.size - len(whole.nodes)


def test_a_universe_may_name_fewer_sites(model: Model):
    split = word_task(n=4).test
    circuit = Circuit.of(Universe.of(model.shape, "mlp.post_act"), ["0.mlp.post_act.2"])
    found = diagram(model, edges_on(model, replace(circuit), split), split)
    neurons = [node for node in found.nodes if node.site == "mlp.post_act"]
    assert [(node.layer, node.channel) for node in neurons] == [(0, 2)]
    assert found.unconnected == 0
