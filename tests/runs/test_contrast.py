"""From a task's pairs to directions, to circuits, and to a model that was tuned along them."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import tapeout
from tapeout.circuits import Circuit, Scores
from tapeout.decompose import Decomposition, StoredGradients, node_scores, strongest
from tapeout.decompose._tuning import SpanTuner
from tapeout.errors import CircuitError, DecomposeError, RecipeError
from tapeout.report import write_report
from tapeout.reshape import Change
from tapeout.runs import parse_recipe, run_recipe

from .test_cli import run

LAYERS = "model.layers.*.weight"


@pytest.fixture
def recipe(places: dict[str, Path]) -> dict[str, Any]:
    return {
        "name": "pairs",
        "stages": {
            "model": {"kind": "load", "source": str(places["model"])},
            "task": {"kind": "task", "name": str(places["task"])},
            "pairs": {"kind": "contrast", "parameters": [LAYERS]},
            "learned": {"kind": "decompose", "count": 6, "active": 0.5, "steps": 10},
            "energy": {"kind": "energy", "most": 3},
            "frontier": {
                "kind": "frontier",
                "replacement": "counterfactual",
                "shares": [0.0, 0.5, 0.9, 1.0],
                "bisections": 1,
            },
            "circuit": {"kind": "select", "share": 0.5, "replacement": "counterfactual"},
            "proof": {"kind": "verify", "random_seeds": 1},
            "covered": {"kind": "coverage", "directions": [0, 2], "draws": 20},
            "tuned": {"kind": "span", "steps": 4, "batch_size": 5, "learning_rate": 0.01},
            "again": {"kind": "find", "model": "tuned"},
        },
    }


def only(recipe: dict[str, Any], *names: str) -> dict[str, Any]:
    return recipe | {"stages": {name: recipe["stages"][name] for name in names}}


def metrics(out: Path, stage: str) -> dict[str, Any]:
    return json.loads((out / "results.json").read_text())["stages"][stage]["metrics"]


def test_every_stage_takes_what_the_last_one_gives(recipe: dict[str, Any], tmp_path: Path):
    out = tmp_path / "run"
    run_recipe(parse_recipe(recipe), out)
    stages = out / "stages"
    base = tapeout.load(recipe["stages"]["model"]["source"])
    assert metrics(out, "pairs")["n"] == {"train": 10, "validation": 10, "test": 10}

    learned = Decomposition.load(stages / "learned")
    assert learned.model == base.fingerprint
    pairs = StoredGradients.load(stages / "pairs" / "train")
    most = strongest(learned, pairs, 3)
    scores = Scores.load(stages / "energy")
    expected = node_scores(base, learned, chosen=list(most), weights=most)
    torch.testing.assert_close(scores.values, expected.values)
    held = metrics(out, "energy")
    assert held["directions"] == list(most)
    assert [row["node"] for row in held["strongest"][:4]] == sorted(
        scores.top(4).nodes(), key=lambda node: -scores.values[scores.universe.node(node)]
    )
    ten = float(scores.values.sort(descending=True).values[:10].sum() / scores.values.sum())
    assert held["top"]["10"] == pytest.approx(ten) and list(held["top"]) == ["1", "10"]
    assert Circuit.load(stages / "circuit") == scores.top(share=0.5)
    assert metrics(out, "proof")["split"] == "words/test"

    covered = metrics(out, "covered")
    assert covered["size"] == Circuit.load(stages / "circuit").size
    assert [row["direction"] for row in covered["rows"]] == [0, 2]
    assert covered["random"]["low"] <= covered["random"]["value"] <= covered["random"]["high"]

    tuned, found = tapeout.load(stages / "tuned"), metrics(out, "tuned")
    assert tuned.fingerprint.weights == found["weights"] != base.fingerprint.weights
    change = Change.load(stages / "tuned" / "change")
    assert change.applied(base).fingerprint.weights == found["weights"]
    assert found["steps"] == 4 and found["moved"] > 0 and found["on_task"]["base"]["n"] == 10
    assert not (stages / "tuned" / "training.safetensors").exists()

    page = write_report(out).read_text()
    assert "What circuits hold of directions" in page and "tuned in the span" in page
    assert all(item.reused for item in run_recipe(parse_recipe(recipe), out).values())


def test_a_killed_tuning_goes_on(recipe: dict[str, Any], tmp_path: Path, monkeypatch: Any):
    recipe = only(recipe, "model", "task", "pairs", "learned", "tuned")
    recipe["stages"]["tuned"] |= {"save_every": 1}
    steps: list[int] = []
    update = SpanTuner.update

    def counted(self: SpanTuner) -> None:
        if len(steps) == 2:
            raise KeyboardInterrupt
        steps.append(self.step)
        update(self)

    with monkeypatch.context() as patch:
        patch.setattr(SpanTuner, "update", counted)
        with pytest.raises(KeyboardInterrupt):
            run_recipe(parse_recipe(recipe), tmp_path / "run")
    assert steps == [0, 1]
    with monkeypatch.context() as patch:
        rest: list[int] = []
        patch.setattr(SpanTuner, "update", lambda self: (rest.append(self.step), update(self)))
        run_recipe(parse_recipe(recipe), tmp_path / "run")
    assert rest == [2, 3]
    run_recipe(parse_recipe(recipe), tmp_path / "whole")
    weights = [metrics(tmp_path / name, "tuned")["weights"] for name in ("run", "whole")]
    assert weights[0] == weights[1]


def test_what_makes_no_sense_is_said_before_it_runs(recipe: dict[str, Any]):
    for settings, said in (
        ({"directions": [0], "most": 2}, "not both"),
        ({"most": -1}, "most cannot be below 0"),
    ):
        stages = recipe["stages"] | {"energy": {"kind": "energy", **settings}}
        with pytest.raises(RecipeError, match=said):
            parse_recipe(recipe | {"stages": stages})
    stages = recipe["stages"] | {"tuned": {"kind": "span", "objective": "taks"}}
    with pytest.raises(DecomposeError, match=r"no objective 'taks'.*task"):
        parse_recipe(recipe | {"stages": stages})


@pytest.mark.parametrize(
    ("stage", "settings", "error", "said"),
    [
        ("energy", {"most": 9}, DecomposeError, "directions alive to choose 9 of"),
        ("energy", {"most": 0, "directions": [7]}, DecomposeError, "no direction 7"),
        ("energy", {"universe": "mlp.resid_delta"}, DecomposeError, "heads and MLP channels"),
        ("again", {"universe": "mlp.post"}, CircuitError, "unknown site"),
    ],
)
def test_what_does_not_fit_is_said(
    recipe: dict[str, Any],
    tmp_path: Path,
    stage: str,
    settings: dict[str, Any],
    error: type[Exception],
    said: str,
):
    recipe = only(recipe, "model", "task", "pairs", "learned", "energy", "tuned", "again")
    recipe["stages"][stage] |= settings
    with pytest.raises(error, match=said):
        run_recipe(parse_recipe(recipe), tmp_path / "run")


def test_directions_of_another_model_are_said(recipe: dict[str, Any], tmp_path: Path):
    recipe = only(recipe, "model", "task", "pairs", "learned", "tuned")
    recipe["stages"]["energy"] = {"kind": "energy", "model": "tuned"}
    with pytest.raises(DecomposeError, match="has other weights"):
        run_recipe(parse_recipe(recipe), tmp_path / "run")


def test_the_command(places: dict[str, Path], tmp_path: Path, monkeypatch: Any, capsys: Any):
    monkeypatch.setenv("COLUMNS", "160")
    asked = ["decompose", places["model"], "--parameters", LAYERS, "--task", places["task"]]
    quick = ["--directions", "4", "--active", "0.5", "--steps", "8", "--most", "2"]
    code, text = run(monkeypatch, capsys, *asked, *quick, "--out", tmp_path / "d")
    assert code == 0, text
    assert "What circuits hold of directions" in text and "tapeout report" in text
    assert (
        metrics(tmp_path / "d", "by-attribution")["size"]
        == metrics(tmp_path / "d", "circuit")["size"]
    )
