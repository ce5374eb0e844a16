"""Stages that make, compose, squeeze and route circuits."""

import json

import pytest

from tapeout.circuits import Circuit
from tapeout.errors import TapeoutError
from tapeout.journal import Journal
from tapeout.runs import parse_recipe, run_recipe


def results(out):
    return json.loads((out / "results.json").read_text())["stages"]


@pytest.fixture
def squeezed(source):
    stages = source["stages"]
    stages["circuit"] = {"kind": "select", "share": 1.0, "replacement": "mean"}
    del stages["frontier"]
    tail = {name: stages.pop(name) for name in ("proof", "small")}
    stages["squeezed"] = {"kind": "squeeze", "target": 0.6, "evaluations": 12}
    stages |= tail
    return source


def test_a_squeezed_circuit_is_proved_and_cut_out(squeezed, tmp_path):
    run_recipe(parse_recipe(squeezed), tmp_path / "run")
    found = results(tmp_path / "run")
    press, proof = found["squeezed"]["metrics"], found["proof"]
    assert press["reached"] and press["size"] < press["start"]
    assert press["replacement"] == "mean" and press["split"].endswith("/validation")
    assert proof["inputs"]["circuit"] == found["small"]["inputs"]["circuit"] == "squeezed"
    assert proof["metrics"]["size"] == press["size"]
    circuit = Circuit.load(tmp_path / "run" / "stages" / "squeezed")
    assert circuit.size == press["size"] and circuit.means
    assert circuit.origin["replacement"]["kind"] == "mean"
    assert circuit.origin["squeezed"]["from"] == press["start"]


def test_a_killed_squeeze_goes_on(squeezed, tmp_path, monkeypatch):
    del squeezed["stages"]["proof"], squeezed["stages"]["small"]
    run_recipe(parse_recipe(squeezed), tmp_path / "a" / "run")
    whole = results(tmp_path / "a" / "run")["squeezed"]["metrics"]

    add, written = Journal.add, []

    def killed(log: Journal, step):
        add(log, step)
        written.append(step)
        if len(written) == 5:
            with log.path.open("a") as file:
                file.write('{"torn')
            raise TapeoutError("killed")

    monkeypatch.setattr(Journal, "add", killed)
    with pytest.raises(TapeoutError, match="killed"):
        run_recipe(parse_recipe(squeezed), tmp_path / "b" / "run")
    monkeypatch.setattr(Journal, "add", add)
    run_recipe(parse_recipe(squeezed), tmp_path / "b" / "run")
    assert results(tmp_path / "b" / "run")["squeezed"]["metrics"] == whole
    log = (tmp_path / "b" / "run" / "stages" / "squeezed" / "squeeze.jsonl").read_text()
    assert [json.loads(line) for line in log.splitlines()] == whole["steps"]


@pytest.fixture
def local(source, monkeypatch):
    """A recipe whose interfaces are made up: the words task stands for an addition."""
    from dataclasses import replace

    from tapeout.runs.stages import _interface as stage

    def made(model, task, names, **_):
        splits = {}
        for place, split in enumerate(task.splits):
            examples = [replace(e, strata={"step": "0"}) for e in split.examples]
            name = ("train", "validation", "test", "reference")[place]
            splits[name] = replace(split, name=f"words:{names[0]}/{name}", examples=examples)
        config = {"name": "interface", "decision": names[0]}
        return {names[0]: replace(task, name=f"words:{names[0]}", config=config, **splits)}

    monkeypatch.setattr(stage, "interfaces", made)
    given = {name: source["stages"][name] for name in ("model", "task", "means")}
    both = {name: {"kind": "interface", "decision": name, "task": "task"} for name in ("a", "b")}
    compose = {
        "kind": "compose",
        "task": "task",
        "universe": "mlp.post_act,attn.z:head",
        "replacement": "mean",
        "share": 0.8,
        "trials": ["direct", "union", "routed"],
    }
    proof = {"kind": "verify", "task": "task", "random_seeds": 1}
    source["stages"] = given | both | {"composed": compose, "proof": proof}
    return source


def test_interfaces_are_tasks_and_composed(local, tmp_path, monkeypatch):
    local["stages"]["scores"] = {"kind": "find", "task": "a"}
    run_recipe(parse_recipe(local), tmp_path / "run")
    found = results(tmp_path / "run")
    metrics = found["composed"]["metrics"]
    assert [row["trial"] for row in metrics["trials"]] == ["direct", "union", "routed"]
    assert [row["interface"] for row in metrics["interfaces"]] == ["a", "b"]
    assert all(row["size"] <= metrics["budget"] for row in metrics["trials"])
    assert found["composed"]["inputs"]["interfaces.1"] == "b"
    assert found["scores"]["metrics"]["split"] == "words:a/train"
    chosen = metrics["trial"]
    best = max(r["validation"]["right"] for r in metrics["trials"] if not r["routed"])
    (row,) = (row for row in metrics["trials"] if row["trial"] == chosen)
    assert row["validation"]["right"] == best
    assert found["proof"]["inputs"]["circuit"] == "composed"
    assert found["proof"]["metrics"]["autoregressive"] == row["autoregressive"]
    folder = tmp_path / "run" / "stages" / "composed" / "trials"
    assert Circuit.load(folder / "routed" / "step-0").size == row_of(metrics, "routed")
    assert Circuit.load(folder / "union").size == row_of(metrics, "union")


def row_of(metrics, name):
    (row,) = (row for row in metrics["trials"] if row["trial"] == name)
    return row["size"]


def test_a_killed_composition_goes_on(local, tmp_path, monkeypatch):
    del local["stages"]["proof"]
    from tapeout.verify.compose import Composer

    trial, made = Composer.trial, []

    def killed(self, name):
        made.append(name)
        if made == ["direct", "union"]:
            raise TapeoutError("killed")
        return trial(self, name)

    monkeypatch.setattr(Composer, "trial", killed)
    with pytest.raises(TapeoutError, match="killed"):
        run_recipe(parse_recipe(local), tmp_path / "run")
    run_recipe(parse_recipe(local), tmp_path / "run")
    assert made == ["direct", "union", "union", "routed"]


def test_compositions_that_make_no_sense(local, tmp_path):
    local["stages"]["composed"]["trials"] = ["routed"]
    with pytest.raises(TapeoutError, match="add one such as union"):
        run_recipe(parse_recipe(local), tmp_path / "run")
    local["stages"]["b"]["decision"] = "a"
    with pytest.raises(TapeoutError, match="two interfaces are of one decision"):
        run_recipe(parse_recipe(local), tmp_path / "run")
    local["stages"]["b"]["decision"] = "b"
    local["stages"]["composed"]["share"] = 0
    with pytest.raises(TapeoutError, match="share=0"):
        run_recipe(parse_recipe(local), tmp_path / "run")


def test_masks_by_regime(source, places, tmp_path):
    rows = [json.loads(line) for line in places["task"].read_text().splitlines()]
    for number, row in enumerate(rows):
        row["strata"] = {"carry": "one" if number % 2 else "none"}
    path = tmp_path / "words.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    given = {name: source["stages"][name] for name in ("model", "task")}
    given["task"] = {"kind": "task", "name": str(path)}
    source["stages"] = given | {"regimes": {"kind": "route", "share": 0.5}}
    run_recipe(parse_recipe(source), tmp_path / "run")
    metrics = results(tmp_path / "run")["regimes"]["metrics"]
    names = [row["routing"] for row in metrics["routings"]]
    assert names == ["global", "union", "core", "same-budget"]
    assert metrics["replacement"] == "zero" and metrics["n"] == 10
