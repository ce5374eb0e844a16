"""`tapeout show`: what lies in a circuit's folder, or in a run's."""

import json
import shutil

import pytest

from tapeout.circuits import EdgeScores, EdgeUniverse, save_edges
from tapeout.errors import CircuitError, RunError
from tapeout.runs import circuits_in, parse_recipe, run_recipe

from ..tiny import tiny
from .test_cli import here, run  # noqa: F401


@pytest.fixture(scope="module")
def finished(places, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "w"
    stages = {
        "model": {"kind": "load", "source": str(places["model"])},
        "task": {"kind": "task", "name": str(places["task"])},
        "scores": {"kind": "find"},
        "circuit": {"kind": "select", "share": 0.5, "replacement": "zero"},
        "proof": {"kind": "verify", "random_seeds": 1},
    }
    run_recipe(parse_recipe({"name": "w", "stages": stages}), folder)
    return folder


def test_a_run_and_a_circuit(finished, here, monkeypatch, capsys):  # noqa: F811
    code, text = run(monkeypatch, capsys, "show", finished)
    assert code == 0, text
    for words in ("By granularity", "edges, by node pruning's rule", "Layer by layer"):
        assert words in text
    assert "replacement.kind" in text and "Heads kept" in text
    assert "proof: zero, words/test" in text.replace("\n", " ")
    shutil.copytree(finished / "stages" / "circuit", here / "mine")
    code, text = run(monkeypatch, capsys, "show", "mine")
    assert code == 0 and text.startswith("mine: ") and "Circuits on the task" not in text


def test_a_circuit_of_edges(here, monkeypatch, capsys):  # noqa: F811
    universe = EdgeUniverse(tiny("llama").shape)
    scores = EdgeScores(universe, -1.0 * universe.places.sum(dim=1))
    save_edges(scores.top(40), here / "edges")
    code, text = run(monkeypatch, capsys, "show", "edges")
    assert code == 0 and f"of {universe.size} edges" in text, text


def test_proofs_belong_to_their_circuits(finished):
    found = circuits_in(finished)
    assert list(found.circuits) == ["circuit"]
    assert [(proof.name, proof.circuit) for proof in found.proofs] == [("proof", "circuit")]
    assert found.proofs[0].metrics["kl"]["value"] > 0


def test_what_is_no_circuit(finished, tmp_path):
    with pytest.raises(RunError, match="neither a circuit"):
        circuits_in(tmp_path / "nowhere")
    (tmp_path / "results.json").write_text('{"stages": {"model": {}}}')
    with pytest.raises(RunError, match="no stage of the run"):
        circuits_in(tmp_path)
    (tmp_path / "results.json").write_text("[]")
    with pytest.raises(RunError, match="is damaged"):
        circuits_in(tmp_path)
    shutil.copytree(finished / "stages" / "circuit", tmp_path / "mine")
    config = json.loads((tmp_path / "mine" / "circuit_config.json").read_text())
    (tmp_path / "mine" / "circuit_config.json").write_text(
        json.dumps(config | {"schema_version": 9})
    )
    with pytest.raises(CircuitError, match="schema version 9"):
        circuits_in(tmp_path / "mine")
