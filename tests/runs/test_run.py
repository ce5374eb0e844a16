import gc
import json
import os
import signal
import subprocess
import sys
import time
import weakref

import pytest

from tapeout import load
from tapeout.circuits import Circuit
from tapeout.errors import RunError, TapeoutError
from tapeout.runs import dry_run, list_runs, parse_recipe, run_recipe
from tapeout.runs._recipe import Recipe
from tapeout.runs.stages import KINDS


def events(out):
    return [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]


def results(out):
    return json.loads((out / "results.json").read_text())


def without_times(data):
    for stage in data["stages"].values():
        stage.pop("seconds")
        assert stage.pop("peak_mb") > 0
    return data


def test_runs_once_and_then_reuses(source, tmp_path):
    out = tmp_path / "run"
    finished = run_recipe(parse_recipe(source), out)
    first = results(out)
    assert list(first) == ["schema_version", "recipe", "stages"]
    for name, stage in first["stages"].items():
        assert list(stage)[:4] == ["kind", "key", "seconds", "metrics"]
        assert set(stage["inputs"].values()) <= set(first["stages"])
        assert stage["machine"]["threads"] >= 1
        assert stage["kind"] == source["stages"][name]["kind"]
        assert (out / "stages" / name).is_dir()
    assert not any(item.reused for item in finished.values())
    again = run_recipe(parse_recipe(source), out)
    assert all(item.reused for item in again.values())
    assert results(out) == first
    assert [e["event"] for e in events(out)][-len(first["stages"]) - 1 :] == [
        *["reused"] * len(first["stages"]),
        "ended",
    ]


def test_what_lies_on_disk_is_what_was_measured(source, tmp_path):
    out = tmp_path / "run"
    run_recipe(parse_recipe(source), out)
    stages = results(out)["stages"]
    circuit = Circuit.load(out / "stages" / "circuit")
    assert circuit.size == stages["proof"]["metrics"]["size"]
    assert circuit.origin["replacement"]["kind"] == "mean"
    small = load(out / "stages" / "small")
    count = sum(p.numel() for p in small.hf.parameters())
    assert count == stages["small"]["metrics"]["parameters"]["extracted"]


def test_a_model_is_let_go_of_after_the_last_stage_that_may_read_it(source, tmp_path, monkeypatch):
    opened, alive = [], {}
    plain = KINDS["load"].open

    def seen(stage, folder, inputs):
        opened.append(weakref.ref(model := plain(stage, folder, inputs)))
        return model

    def watch(event, name, **details):
        gc.collect()
        alive[f"{event} {name}"] = sum(model() is not None for model in opened)

    monkeypatch.setattr(KINDS["load"], "open", seen)
    load_, task, means = (source["stages"][name] for name in ("model", "task", "means"))
    source["stages"] = {
        "one": load_,
        "one-task": task | {"model": "one"},
        "two": load_ | {"dtype": "float32"},
        "two-task": task | {"model": "two"},
        "one-means": means | {"model": "one", "task": "one-task"},
        "two-means": means | {"model": "two", "task": "two-task"},
    }
    run_recipe(parse_recipe(source), tmp_path, watch)
    assert alive["done one-means"] == 2 == len(opened)  # both are still read, each opened once
    assert alive["done two-means"] == 1


def test_a_learned_mask_is_a_stage_like_others(source, tmp_path):
    stages = source["stages"]
    for name in ("scores", "frontier", "small"):
        del stages[name]
    universe = "mlp.post_act,attn.z:head"
    mask = {"kind": "mask", "universe": universe, "steps": 5, "batch_size": 4, "weight": 0.1}
    circuit = {"kind": "select", "positive": True, "replacement": "counterfactual"}
    tail = {"mask": mask, "circuit": circuit, "proof": stages["proof"]}
    source["stages"] = {name: stages[name] for name in ("model", "task", "means")} | tail
    run_recipe(parse_recipe(source), tmp_path)
    found = results(tmp_path)["stages"]
    assert found["mask"]["metrics"]["steps"] == 5
    assert found["circuit"]["metrics"]["size"] == found["mask"]["metrics"]["size"]
    assert found["proof"]["metrics"]["replacement"] == "counterfactual"
    for wrong, message in (
        ({"preset": "node-prunin"}, "did you mean 'node-pruning'"),
        ({"target": 0.5}, "not both"),
    ):
        source["stages"]["mask"] = mask | wrong
        with pytest.raises(TapeoutError, match=message):
            run_recipe(parse_recipe(source), tmp_path)


def test_a_circuit_as_large_as_one_of_a_larger_universe_is_refused(source, tmp_path):
    stages = source["stages"]
    full = {"kind": "select", "scores": "scores", "share": 1.0, "replacement": "zero"}
    heads = {"kind": "find", "universe": "attn.z:head"}
    same = full | {"scores": "heads", "like": "full"}
    del same["share"]
    source["stages"] = {name: stages[name] for name in ("model", "task", "scores")} | {
        "full": full, "heads": heads, "same": same
    }  # fmt: skip
    with pytest.raises(TapeoutError, match=r"full keeps .* alone: take a smaller"):
        run_recipe(parse_recipe(source), tmp_path)


def test_runs_side_by_side_share_stages(source, tmp_path):
    run_recipe(parse_recipe(source), tmp_path / "a")
    source["stages"]["frontier"]["bisections"] = 0
    finished = run_recipe(parse_recipe(source), tmp_path / "b")
    reused = {name for name, item in finished.items() if item.reused}
    assert reused >= {"model", "task", "means", "scores"} and "frontier" not in reused


def test_same_seed_same_numbers(source, tmp_path):
    run_recipe(parse_recipe(source), tmp_path / "a" / "run")
    run_recipe(parse_recipe(source), tmp_path / "b" / "run")
    one, two = (without_times(results(tmp_path / x / "run")) for x in "ab")
    assert one == two
    kept = [Circuit.load(tmp_path / x / "run" / "stages" / "circuit") for x in "ab"]
    assert kept[0] == kept[1]


def test_a_failed_stage_leaves_the_others(source, tmp_path):
    source["stages"]["proof"]["kind"] = "verify"
    source["stages"]["proof"]["replacement"] = "resample"
    source["stages"]["task"]["minimum"] = 1.1
    with pytest.raises(TapeoutError, match="below 110%"):
        run_recipe(parse_recipe(source), tmp_path / "run")
    assert list(results(tmp_path / "run")["stages"]) == ["model"]
    assert [e["event"] for e in events(tmp_path / "run")][-2:] == ["failed", "ended"]


def test_unwritable_folders(source, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="cannot write"):
        run_recipe(parse_recipe(source), tmp_path / "file" / "run")
    with pytest.raises(RunError, match="cannot write"):
        run_recipe(parse_recipe(source), tmp_path / "file")


def test_dry_run_and_list(source, tmp_path):
    recipe = parse_recipe(source)
    assert {row[3] for row in dry_run(recipe, tmp_path / "run")} == {"to run"}
    assert not list(tmp_path.iterdir())
    run_recipe(Recipe(recipe.name, recipe.stages[:3], source), tmp_path / "run")
    states = [row[3] for row in dry_run(recipe, tmp_path / "run")]
    assert states == ["finished"] * 3 + ["to run"] * 5
    (row,) = list_runs(tmp_path)
    assert row[:3] == ("run", "words", "3 of 8")
    with pytest.raises(RunError, match="there is no folder"):
        list_runs(tmp_path / "none")


def test_a_damaged_record_is_told(source, tmp_path):
    recipe = parse_recipe(source)
    finished = run_recipe(Recipe(recipe.name, recipe.stages[:1], source), tmp_path / "run")
    (finished["model"].folder / "stage.json").write_text("{")
    with pytest.raises(RunError, match="is damaged"):
        run_recipe(recipe, tmp_path / "run")


SLOW = """
import json, signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
from tapeout.runs import _log, parse_recipe, run_recipe
_log.INTERVAL = 0
source, out, stop_after = json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3])
points = 0
def watch(event, stage, **details):
    global points
    if stage == "frontier" and event == "progress":
        points += 1
        if points == stop_after:
            print("here", flush=True)
            time.sleep(60)
run_recipe(parse_recipe(source), out, watch)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_goes_on_and_gives_the_same_numbers(source, tmp_path, how):
    source["stages"]["frontier"]["shares"] = [0.0, 0.3, 0.5, 0.7, 0.9, 1.0]
    out = tmp_path / "killed" / "run"
    command = [sys.executable, "-c", SLOW, json.dumps(source), str(out), "3"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    assert process.stdout and process.stdout.readline() == "here\n"
    time.sleep(0.2)
    process.send_signal(how)
    process.wait()
    process.stdout.close()
    (partial,) = (tmp_path / "killed" / ".stages").glob(".frontier-*.partial")
    saved = (partial / "points.jsonl").read_text().splitlines()
    assert len(saved) >= 2
    with (partial / "points.jsonl").open("a") as file:
        file.write('{"size": 3, "sha')  # a line torn by the kill
    run_recipe(parse_recipe(source), out)
    run_recipe(parse_recipe(source), tmp_path / "whole" / "run")
    resumed, whole = (without_times(results(tmp_path / x / "run")) for x in ("killed", "whole"))
    for name, stage in whole["stages"].items():
        assert resumed["stages"][name]["metrics"] == stage["metrics"], name


def test_two_runs_do_not_work_on_one_stage(source, tmp_path):
    command = [sys.executable, "-c", SLOW, json.dumps(source), str(tmp_path / "a"), "1"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout and process.stdout.readline() == "here\n"
        with pytest.raises(RunError, match="another run is at work on stage 'frontier'"):
            run_recipe(parse_recipe(source), tmp_path / "b")
    finally:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()
