import json

import pytest
import torch

from tapeout.circuits import (
    EdgeCircuit,
    EdgeScores,
    load_edge_circuit,
    load_edge_scores,
    read_eap_json,
    save_edges,
    write_eap_json,
)
from tapeout.errors import CircuitError
from tapeout.interventions import edges_of
from tapeout.models import Fingerprint

from ..tiny import Sizes, gap, tiny

EDGES = edges_of(tiny("llama", Sizes(layers=2, groups=3, kv_heads=2)))
SCORES = EdgeScores(
    EDGES,
    torch.randn(EDGES.size, generator=torch.Generator().manual_seed(0)),
    Fingerprint("m", "w"),
    {"method": "x"},
)


def test_folders_round_trip(tmp_path):
    circuit = SCORES.top(share=0.4)
    save_edges(SCORES, tmp_path)
    save_edges(circuit, tmp_path)
    scores, again = load_edge_scores(tmp_path), load_edge_circuit(tmp_path)
    assert torch.equal(scores.values, SCORES.values) and torch.equal(again.kept, circuit.kept)
    assert scores.universe == again.universe == EDGES
    assert (again.fingerprint, again.origin) == (circuit.fingerprint, circuit.origin)


def test_eap_json_round_trips_under_grouped_query_attention(tmp_path):
    circuit = SCORES.top(share=0.4)
    write_eap_json(SCORES, circuit, tmp_path / "graph.json")
    scores, again = read_eap_json(tmp_path / "graph.json", EDGES)
    assert gap(scores.values, SCORES.values) < 1e-6
    assert torch.equal(again.kept, circuit.active)
    graph = json.loads((tmp_path / "graph.json").read_text())
    assert graph["cfg"]["n_heads"] == 6
    # as EAP-IG counts: every query head has a key and a value reader of its own
    readers = {name.partition("->")[2] for name in graph["edges"]}
    assert {f"a1.h{head}<k>" for head in range(6)} <= readers
    assert graph["nodes"]["logits"]["in_graph"]


def test_bad_files(tmp_path):
    with pytest.raises(CircuitError, match="there is no edge_scores"):
        load_edge_scores(tmp_path)
    path = tmp_path / "graph.json"
    with pytest.raises(CircuitError, match="not an EAP-IG graph"):
        read_eap_json(path, EDGES)
    path.write_text('{"edges": {"input->m0": {"score": 1, "in_graph": true}}}')
    with pytest.raises(CircuitError, match="not an EAP-IG graph"):
        read_eap_json(path, EDGES)
    write_eap_json(SCORES, SCORES.top(3), path)
    with pytest.raises(CircuitError, match="of another model: it says"):
        read_eap_json(path, edges_of(tiny("llama", Sizes(layers=3, groups=3, kv_heads=2))))
    graph = json.loads(path.read_text())
    cut = graph | {"edges": {name: graph["edges"][name] for name in list(graph["edges"])[1:]}}
    path.write_text(json.dumps(cut))
    with pytest.raises(CircuitError, match="in the file or in the model only"):
        read_eap_json(path, EDGES)
    graph["edges"]["input->m0"] = {"score": "high"}
    path.write_text(json.dumps(graph))
    with pytest.raises(CircuitError, match="is damaged"):
        read_eap_json(path, EDGES)


def test_set_algebra_and_bad_sizes():
    a, b = SCORES.top(30), SCORES.top(10)
    assert torch.equal((a & b).kept, b.kept) and torch.equal((a | b).kept, a.kept)
    assert int((a - b).kept.sum()) == 20 and int((~a).kept.sum()) == EDGES.size - 30
    with pytest.raises(CircuitError, match="different"):
        a & EdgeCircuit(edges_of(tiny("gpt2")), torch.zeros(1, dtype=torch.bool))
    for bad in ({}, {"k": 1, "share": 0.5}, {"k": -1}, {"share": 1.5}):
        with pytest.raises(CircuitError):
            SCORES.top(**bad)
