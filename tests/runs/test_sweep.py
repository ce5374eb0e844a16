import json
import os
import signal
import subprocess
import sys

import pytest
import torch

from tapeout.circuits import Scores
from tapeout.errors import RecipeError, TaskError
from tapeout.find.masks import PRESETS
from tapeout.report import write_report
from tapeout.runs import parse_recipe, run_recipe


@pytest.fixture
def swept(source):
    """A sweep in place of attribution; its bounds are as YAML reads them."""
    stages = source["stages"]
    scores = {
        "kind": "sweep",
        "universe": "mlp.post_act,attn.z:head",
        "start": {"steps": 4, "batch_size": 10, "learning_rate": 0.5, "ramp": 0, "weight": 1},
        "space": {"weight": ["1e-1", 10], "learning_rate": [0.2, 1]},
        "trials": 4,
        "relative_loss": 1.0,
        "sampler": "optuna",
    }
    circuit = {"kind": "select", "positive": True, "replacement": "counterfactual"}
    tail = {"scores": scores, "circuit": circuit, "proof": stages["proof"]}
    source["stages"] = {name: stages[name] for name in ("model", "task")} | tail
    return source


def stages_of(out):
    return json.loads((out / "results.json").read_text())["stages"]


def test_the_smallest_mask_that_loses_little_enough_goes_on(swept, tmp_path):
    run_recipe(parse_recipe(swept), tmp_path)
    stages = stages_of(tmp_path)
    found = stages["scores"]["metrics"]
    assert [row["number"] for row in found["trials"]] == [0, 1, 2, 3]
    assert found["trials"][0]["weight"] == 1.0
    assert all(row in found["trials"] for row in found["front"])
    good = [row["size"] for row in found["trials"] if row["loss"] <= found["limit"]]
    assert found["size"] == min(good) == stages["circuit"]["metrics"]["size"]
    assert found["limit"] == found["empty_loss"]
    scores = Scores.load(tmp_path / "stages" / "scores")
    assert scores.origin["sweep"]["trial"]["number"] == found["number"]
    page = write_report(tmp_path).read_text()
    assert "sweep of node-pruning" in page and "empty_loss" in page


def test_edges_are_swept_by_their_preset(swept, tmp_path):
    start = {"steps": 3, "batch_size": 10}
    given = {"kind": "sweep", "preset": "edge-pruning", "trials": 1, "relative_loss": 2.0}
    swept["stages"]["scores"] = given | {"start": start}
    del swept["stages"]["proof"]
    run_recipe(parse_recipe(swept), tmp_path)
    stages = stages_of(tmp_path)
    assert stages["scores"]["metrics"]["universe"] == "edges"
    assert stages["circuit"]["metrics"]["size"] == stages["scores"]["metrics"]["size"]


KILLED = """
import json, os, signal, sys
from tapeout.runs import _log, parse_recipe, run_recipe
_log.INTERVAL = 0
def watch(event, stage, **details):
    if stage == "scores" and event == "progress" and details["done"] >= 175:
        os.kill(os.getpid(), signal.SIGKILL)
run_recipe(parse_recipe(json.loads(sys.argv[1])), sys.argv[2], watch)
"""


def test_a_killed_sweep_goes_on_and_gives_the_same_numbers(swept, tmp_path):
    command = [sys.executable, "-c", KILLED, json.dumps(swept), str(tmp_path / "killed" / "run")]
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    killed = subprocess.run(command, env=environment, stderr=subprocess.DEVNULL)
    assert killed.returncode == -signal.SIGKILL
    (partial,) = (tmp_path / "killed" / ".stages").glob(".sweep-*.partial")
    with (partial / "sweep" / "trials.jsonl").open("r+") as file:
        assert len(file.readlines()) == 1
        file.write('{"number": 1, "se')  # a line torn by the kill
    done = []

    def watch(event, stage, **details):
        if stage == "scores" and event == "progress":
            done.append(details["done"])

    run_recipe(parse_recipe(swept), tmp_path / "killed" / "run", watch)
    run_recipe(parse_recipe(swept), tmp_path / "whole" / "run")
    assert min(done) > 100
    resumed, whole = (stages_of(tmp_path / name / "run") for name in ("killed", "whole"))
    for name, stage in whole.items():
        assert resumed[name]["metrics"] == stage["metrics"], name


def test_recipes_that_cannot_be_swept(swept, tmp_path):
    scores = swept["stages"]["scores"]
    for wrong, message in (
        ({"space": {"wieght": [1, 2]}}, "did you mean 'weight'"),
        ({"start": {"wieght": 1}}, "did you mean 'weight'"),
        ({"space": {"weight": [1, "two"]}}, "needs a number, not 'two'"),
        ({"space": {"weight": 1}}, r"needs \[least, largest\]"),
        ({"space": {"weights.mlp": [1, 2]}}, "no setting 'weights.mlp'"),
        ({"preset": "dmc"}, "did you mean 'dcm'"),
        ({"trials": 0}, "at least one"),
        ({"loss": "low"}, "needs float"),
    ):
        swept["stages"]["scores"] = scores | wrong
        with pytest.raises(RecipeError, match=message):
            parse_recipe(swept)
    swept["stages"]["scores"] = scores | {"trials": 1, "loss": -1.0}
    with pytest.raises(TaskError, match="no trial's loss is at or below"):
        run_recipe(parse_recipe(swept), tmp_path)


def test_a_key_says_what_chose_the_settings(swept, monkeypatch):
    scores = swept["stages"]["scores"]
    scores["sampler"] = "auto"
    with_optuna = parse_recipe(swept).stages[2].key
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert parse_recipe(swept).stages[2].key != with_optuna


def test_every_preset_has_a_space(swept):
    for preset in PRESETS:
        swept["stages"]["scores"] = {"kind": "sweep", "preset": preset}
        assert parse_recipe(swept)
    parts = {"weights": {"attn.z:head": 5}, "space": {"weights.attn.z:head": [1, 20]}}
    swept["stages"]["scores"] = {"kind": "sweep"} | parts
    assert parse_recipe(swept)
