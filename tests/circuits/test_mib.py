"""EAP-IG's graphs and MIB's submissions, written, read, and as others publish them."""

import json
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.circuits import (
    MIB_LIMITS,
    EapGraph,
    EdgeScores,
    EdgeUniverse,
    mib_circuits,
    read_eap_graph,
    read_mib_circuits,
    write_eap_graph,
    write_mib_circuits,
)
from tapeout.errors import CircuitError
from tapeout.models import ModelShape

from ..tiny import Sizes, gap, tiny

GROUPED = EdgeUniverse(tiny("llama", Sizes(layers=3, groups=3, kv_heads=2)).shape)
WIDE = EdgeUniverse(tiny("gpt2", Sizes(layers=6, groups=1, kv_heads=6, head_dim=2)).shape)
ONE_LAYER = EdgeUniverse(tiny("llama", Sizes(layers=1, groups=2, kv_heads=1, head_dim=2)).shape)
D_MODEL = ONE_LAYER.shape.width(0, "embed")


def scores_of(universe, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return EdgeScores(universe, torch.randn(universe.size, generator=generator))


def graph_of(universe, seed=0):
    """A graph with everything that one can have."""
    generator = torch.Generator().manual_seed(seed)
    shape = len(universe.writers), universe.shape.width(0, "embed")
    neurons = torch.randn(shape, generator=generator)
    neurons[0] = torch.nan
    return EapGraph(
        universe=universe,
        edges=torch.rand(universe.size, generator=generator) < 0.5,
        nodes=torch.rand(shape[0], generator=generator) < 0.5,
        neurons=torch.rand(shape, generator=generator) < 0.5,
        edge_scores=torch.randn(universe.size, generator=generator),
        node_scores=torch.randn(shape[0], generator=generator),
        neuron_scores=neurons,
    )


@pytest.mark.parametrize("form", ["json", "pt"])
@pytest.mark.parametrize("universe", [GROUPED, WIDE], ids=["grouped", "wide"])
def test_a_whole_graph_round_trips(universe, form, tmp_path):
    graph = graph_of(universe)
    write_eap_graph(graph, tmp_path / f"graph.{form}")
    again = read_eap_graph(tmp_path / f"graph.{form}", universe)
    for name in ("edges", "nodes", "neurons"):
        assert torch.equal(getattr(again, name), getattr(graph, name)), name
    assert gap(again.edge_scores, graph.edge_scores) < 1e-6
    assert gap(again.node_scores, graph.node_scores) < 1e-6
    assert torch.allclose(again.neuron_scores, graph.neuron_scores, equal_nan=True)
    assert again.size == graph.size


# One layer of two query heads on one key/value head, in the published layout: every query head
# has key and value readers of its own.
PUBLISHED_EDGES = [
    *(f"input->a0.h{head}<{kind}>" for kind in "qkv" for head in range(2)),
    *("input->m0", "a0.h0->m0", "a0.h1->m0"),
    *("input->logits", "a0.h0->logits", "a0.h1->logits", "m0->logits"),
]
CONFIG = {"n_layers": 1, "n_heads": 2, "parallel_attn_mlp": False, "d_model": D_MODEL}


def published(**node):
    nodes = {name: {"in_graph": True} | node for name in ("input", "a0.h0", "a0.h1", "m0")}
    return {"cfg": CONFIG, "nodes": nodes | {"logits": {"in_graph": True}}, "edges": {}}


def test_a_published_importance_file(tmp_path):
    """One file with a score for every edge."""
    graph = published()
    for place, name in enumerate(PUBLISHED_EDGES):
        graph["edges"][name] = {"score": float(place), "in_graph": place % 2 == 0}
    (tmp_path / "importances.json").write_text(json.dumps(graph))
    found = read_eap_graph(tmp_path / "importances.json", ONE_LAYER)
    score = {ONE_LAYER.name(edge): float(found.edge_scores[edge]) for edge in range(ONE_LAYER.size)}
    assert score["input->a0.h0<q>"] == 0 and score["input->a0.h1<q>"] == 1
    assert score["input->a0.h0<k>"] == 2 + 3 and score["input->a0.h0<v>"] == 4 + 5
    assert score["m0->logits"] == 12
    kept = {ONE_LAYER.name(int(edge)) for edge in found.circuit().kept.nonzero()}
    assert {"input->a0.h0<q>", "input->a0.h0<k>", "m0->logits"} <= kept
    assert "input->a0.h1<q>" not in kept and "a0.h0->m0" not in kept
    assert found.node_scores is found.neurons is found.neuron_scores is None


def test_a_published_membership_file_of_neurons(tmp_path):
    """No scores of edges; the heads of a layer are kept together or one by one."""
    graph = published()
    graph["edges"] = {name: {"in_graph": "m0" in name} for name in PUBLISHED_EDGES}
    half = [place % 2 == 0 for place in range(D_MODEL)]
    full, none = [True] * D_MODEL, [False] * D_MODEL
    graph["nodes"]["input"] |= {"neurons": half, "neurons_scores": [0.5] * D_MODEL}
    graph["nodes"]["a0.h0"]["neurons"] = [none, full]
    graph["nodes"]["a0.h1"]["neurons"] = [none, full]
    (tmp_path / "a.json").write_text(json.dumps(graph))
    found = read_eap_graph(tmp_path / "a.json", ONE_LAYER)
    assert found.neurons.tolist() == [half, none, full, full]  # of m0 nothing is said
    assert found.neuron_scores[0].tolist() == [0.5] * D_MODEL
    assert bool(found.neuron_scores[1:].isnan().all())
    # input->m0 counts by half, a0.h0->m0 not at all, a0.h1->m0 and m0->logits in full
    assert found.size == 0.5 + 0 + 1 + 1
    with pytest.raises(CircuitError, match="has no scores"):
        found.scores()


def test_a_published_pt_file(tmp_path):
    """Tables of writers by readers: queries, keys, values of a layer, its MLP, then the logits."""
    table = torch.zeros(4, 8)
    table[0] = torch.arange(8)
    table[1:3, 6:] = 1.0
    table[3, 7] = -1.0
    table[3, 0] = 99.0  # no edge: what stands there says nothing
    readers = [f"a0.h{head}<{kind}>" for kind in "qkv" for head in range(2)]
    torch.save(
        {
            "cfg": CONFIG,
            "src_nodes": ["input", "a0.h0", "a0.h1", "m0"],
            "dst_nodes": [*readers, "m0", "logits"],
            "edges_scores": table,
            "edges_in_graph": table > 3,
            "nodes_in_graph": torch.tensor([True, False, True, True]),
            "neurons_scores": torch.full((4, D_MODEL), 2.0),
        },
        tmp_path / "importances.pt",
    )
    found = read_eap_graph(tmp_path / "importances.pt", ONE_LAYER)
    score = {ONE_LAYER.name(edge): float(found.edge_scores[edge]) for edge in range(ONE_LAYER.size)}
    assert [score[f"input->a0.h0<{kind}>"] for kind in "qkv"] == [0, 2 + 3, 4 + 5]
    assert (score["input->m0"], score["input->logits"], score["m0->logits"]) == (6, 7, -1)
    kept = {ONE_LAYER.name(int(edge)) for edge in found.edges.nonzero()}
    assert kept == {"input->a0.h0<v>", "input->m0", "input->logits"}
    assert found.nodes.tolist() == [True, False, True, True]
    assert found.neuron_scores.sum() == 8 * D_MODEL and found.neurons is None


def test_neurons_are_written_as_eap_ig_reads_them(tmp_path):
    """Its reader assigns what a head says to all heads of the layer, so each must say all."""
    graph = graph_of(GROUPED)
    write_eap_graph(graph, tmp_path / "graph.json")
    nodes = json.loads((tmp_path / "graph.json").read_text())["nodes"]
    seen = torch.zeros_like(graph.neurons)
    for place, name in enumerate(GROUPED.writers):
        layer = 1 + int(name[1]) * 7 if name != "input" else 0
        rows = slice(layer, layer + 6) if name.startswith("a") else place
        seen[rows] = torch.tensor(nodes[name]["neurons"])
    assert torch.equal(seen, graph.neurons)


@pytest.mark.parametrize("form", ["json", "pt"])
def test_nine_circuits_round_trip(form, tmp_path):
    circuits = mib_circuits(scores_of(WIDE))
    paths = write_mib_circuits(circuits[::-1], tmp_path / "ioi_gpt2", form=form)
    assert [path.name for path in paths] == [f"{limit}.{form}" for limit in MIB_LIMITS]
    found = read_mib_circuits(tmp_path / "ioi_gpt2", WIDE)
    for circuit, graph in zip(circuits, found, strict=True):
        assert torch.equal(graph.edges, circuit.active)
        assert graph.edge_scores is None
    text = paths[0].read_text() if form == "json" else "score"
    assert ("score" in text) == (form == "pt")  # membership alone


@given(st.integers(0, 100), st.booleans(), st.sampled_from([GROUPED, WIDE]))
def test_the_nine_circuits_nest_and_are_as_large_as_allowed(seed, absolute, universe):
    scores = scores_of(universe, seed)
    circuits = mib_circuits(scores, absolute=absolute)
    ranked = scores.values.abs() if absolute else scores.values
    # by hand, in the published count: a grouped key or value edge is one for each query head
    cost = [
        3 if universe is GROUPED and universe.name(e)[-3:] in ("<k>", "<v>") else 1
        for e in range(universe.size)
    ]
    for limit, circuit in zip(MIB_LIMITS, circuits, strict=True):
        left, kept = int(limit * sum(cost)), set()
        for edge in ranked.sort(descending=True, stable=True).indices.tolist():
            left -= cost[edge]
            if left < 0:
                break
            kept.add(edge)
        assert set(circuit.kept.nonzero()[:, 0].tolist()) == kept
    for small, large in pairwise(circuits):
        assert bool((small.kept <= large.kept).all())


def test_edge_counts_are_those_of_the_leaderboard():
    """GPT-2 small and Qwen2.5-0.5B, which has 14 query heads on 2 key/value heads."""
    for family, layers, heads, kv, edges in (
        ("gpt2", 12, 12, 12, 32_491),
        ("qwen2", 24, 14, 2, 179_749),
    ):
        widths = dict.fromkeys(tiny("llama").shape.widths, (heads * 64,) * layers)
        widths |= {f"attn.{kind}": (kv * 64,) * layers for kind in "kv"}
        universe = EdgeUniverse(ModelShape(family=family, head_dim=64, widths=widths))
        everything = torch.ones(universe.size, dtype=torch.bool)
        nodes = torch.ones(len(universe.writers), dtype=torch.bool)
        assert EapGraph(universe=universe, edges=everything, nodes=nodes).size == edges


def test_what_is_no_submission(tmp_path):
    circuits = mib_circuits(scores_of(WIDE))
    with pytest.raises(CircuitError, match="takes 9 circuits, not 8"):
        write_mib_circuits(circuits[1:], tmp_path)
    with pytest.raises(CircuitError, match="too large to stand for"):
        write_mib_circuits([*circuits[1:], circuits[-1]], tmp_path)
    with pytest.raises(CircuitError, match=r"has 0 \.json or \.pt files"):
        read_mib_circuits(tmp_path / "nowhere", WIDE)
    with pytest.raises(CircuitError, match=r"end in \.json or \.pt"):
        write_eap_graph(graph_of(WIDE), tmp_path / "graph.pkl")


class Harmful:
    def __reduce__(self):
        return (print, ("code from a file was run",))


def test_no_code_in_a_file_is_run(tmp_path, capsys):
    torch.save({"cfg": Harmful()}, tmp_path / "graph.pt")
    with pytest.raises(CircuitError, match="not an EAP-IG graph"):
        read_eap_graph(tmp_path / "graph.pt", ONE_LAYER)
    assert "was run" not in capsys.readouterr().out


def test_damaged_files(tmp_path):
    path = tmp_path / "graph.pt"
    write_eap_graph(graph_of(WIDE), path)
    whole = torch.load(path, weights_only=True)
    for change, message in (
        ({"edges_scores": torch.zeros(2, 2)}, "edges_scores has shape"),
        ({"src_nodes": ["input"]}, "src_nodes are not"),
        ({"cfg": whole["cfg"] | {"n_heads": 7}}, "of another model"),
        ({"cfg": 3}, "not an EAP-IG graph"),
    ):
        torch.save(whole | change, path)
        with pytest.raises(CircuitError, match=message):
            read_eap_graph(path, WIDE)
    path.write_bytes(b"nonsense")
    with pytest.raises(CircuitError, match="not an EAP-IG graph"):
        read_eap_graph(path, WIDE)
