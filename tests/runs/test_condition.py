"""Conditioning as a stage: a model for every other stage, that can be stopped."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import tapeout
from tapeout.errors import RecipeError, ReshapeError
from tapeout.report import conditioned_table, tables_of, write_report
from tapeout.reshape import Change, condition
from tapeout.runs import condition_recipe, parse_recipe, run_recipe
from tapeout.runs.stages import _condition

QUICK = {"rank": 2, "steps": 6, "batch_size": 6, "learning_rate": 0.01, "save_every": 2}
BY = {"aggregate": "position", "batch_size": 64}
OURS = {"masked": 1.0, "anchor": 1.0, "keep": 0.2, "start": 0.5, "refresh": 2, "channels": 0.5}


@pytest.fixture
def recipe(places: dict[str, Path]) -> dict[str, Any]:
    other = {"kind": "task", "name": str(places["task"]), "seed": 1}
    return {
        "stages": {
            "base": {"kind": "load", "source": str(places["model"])},
            "words": {"kind": "task", "name": str(places["task"])},
            "others": other,
            "small": {
                "kind": "condition",
                "task": "words",
                "anchors": ["others"],
                "device": "cpu",
                **QUICK,
                **OURS,
            },
            "scores": {"kind": "find", "task": "words", "universe": "mlp.post_act"},
            "sizes": {"kind": "frontier", "replacement": "zero", "shares": [0.0, 0.5, 1.0]},
            "circuit": {"kind": "select", "share": 0.5, "replacement": "zero"},
            "proof": {"kind": "verify", "task": "words", "random_seeds": 1},
            "cut": {"kind": "extract"},
        }
    }


def metrics(out: Path, stage: str) -> dict[str, Any]:
    return json.loads((out / "results.json").read_text())["stages"][stage]["metrics"]


def test_a_conditioned_model_serves_every_other_stage(recipe: dict[str, Any], tmp_path: Path):
    out = tmp_path / "run"
    finished = run_recipe(parse_recipe(recipe), out)
    found = metrics(out, "small")
    folder = out / "stages" / "small"
    base, model = tapeout.load(recipe["stages"]["base"]["source"]), tapeout.load(folder)
    assert model.fingerprint.weights == found["weights"] != base.fingerprint.weights
    merged = Change.load(folder / "change").applied(base, found["scale"])
    assert merged.fingerprint.weights == found["weights"]
    assert finished["scores"].planned.inputs["model"].name == "small"  # type: ignore[union-attr]
    assert len((folder / "curve.jsonl").read_text().splitlines()) == 6
    assert found["on_task"]["split"].endswith("/test") and found["on_task"]["base"]["n"] == 10
    assert list(found["others"]) and found["sweep"]["size"]["share"] == 0.5
    assert not (folder / "training.safetensors").exists()
    assert all(item.reused for item in run_recipe(parse_recipe(recipe), out).values())
    page = write_report(out).read_text()
    assert "Conditioned models" in page and "Merge scales" in page
    conditioned_table(found)


def test_a_killed_conditioning_goes_on(recipe: dict[str, Any], tmp_path: Path, monkeypatch: Any):
    recipe["stages"] = {
        name: recipe["stages"][name] for name in ("base", "words", "others", "small")
    }
    steps: list[int] = []

    def killed(*args: Any, progress: Any, **options: Any) -> Any:
        def watch(done: int, total: int) -> None:
            steps.append(done)
            progress(done, total)
            if len(steps) == 5:
                raise KeyboardInterrupt

        return condition(*args, progress=watch, **options)

    monkeypatch.setattr(_condition, "condition", killed)
    with pytest.raises(KeyboardInterrupt):
        run_recipe(parse_recipe(recipe), tmp_path / "run")
    run_recipe(parse_recipe(recipe), tmp_path / "run")
    assert steps == [1, 2, 3, 4, 5, 5, 6]
    monkeypatch.undo()
    run_recipe(parse_recipe(recipe), tmp_path / "elsewhere" / "run")
    folders = [tmp_path / place / "stages" / "small" for place in ("run", "elsewhere/run")]
    one, other = (Change.load(folder / "change") for folder in folders)
    pairs = zip(one.dense(), other.dense(), strict=True)
    assert all(torch.equal(p, q) for (_, p), (_, q) in pairs)


def test_controls_are_settings_of_the_same_stage(recipe: dict[str, Any], tmp_path: Path):
    """Another task to train on, a fixed scale, slots, no adapter."""
    stages = recipe["stages"]
    plain = {"kind": "condition", "model": "base", "task": "words", "device": "cpu", **QUICK}
    kept = {name: stages[name] for name in ("base", "words", "others")}
    kept["other-task"] = {**plain, "train": "others", "scale": 0.5}
    kept["scores"] = {"kind": "find", "model": "base", "task": "words", "universe": "mlp.post_act"}
    kept["slots"] = {"kind": "select", "share": 0.25, "replacement": "zero", "model": "base"}
    kept["slotted"] = {**plain, "slots": "slots", "rank": 0, "watched": ["others"]}
    out = tmp_path / "run"
    run_recipe(parse_recipe({"stages": kept}), out)
    assert metrics(out, "other-task")["scale"] == 0.5
    assert [p["scale"] for p in metrics(out, "other-task")["sweep"]["points"]] == [0.5]
    change = Change.load(out / "stages" / "slotted" / "change")
    assert all(".mlp." in name for name in change.parts)
    assert change.origin["slots"] > 0


def test_sizes_of_several_models_stand_in_one_table(recipe: dict[str, Any], tmp_path: Path):
    stages = {name: recipe["stages"][name] for name in ("base", "words", "others", "small")}
    sizes = {"kind": "smallest", "task": "words", "shares": [0.0, 0.5, 1.0], "bisections": 1}
    sizes["replacements"] = ["zero", "counterfactual", "mean"]
    stages["before"] = {**sizes, "model": "base"}
    stages["after"] = {**sizes, "model": "small", "split": "validation"}
    out = tmp_path / "run"
    run_recipe(parse_recipe({"stages": stages}), out)
    found = metrics(out, "before")
    assert found["n"] == 10 and list(found["replacements"]) == sizes["replacements"]
    model = tapeout.load(stages["base"]["source"])
    task = tapeout.tasks.build(stages["words"]["name"], model.tokenizer)
    scores = tapeout.find.attribution(model, task.train, "mlp.post_act", baseline="zero", **BY)
    for point in found["replacements"]["zero"]["points"]:
        right = tapeout.verify.evaluate(model, task.test, scores.top(point["size"])).accuracy.right
        assert right == point["right"]
    relative = found["replacements"]["zero"]["relative"]
    assert relative["accuracy"]["value"] >= 0.9 * found["replacements"]["zero"]["full"]["value"]
    page = write_report(out).read_text()
    assert "Smallest circuits" in page and "counterfactual" in page
    (table,) = tables_of({"a": {"kind": "smallest", "metrics": found}})
    assert table is not None


def test_the_quick_recipe_is_one(places: dict[str, Path]):
    model, task = str(places["model"]), str(places["task"])
    both = condition_recipe(model, task, channels=0.02), condition_recipe(model, task, channels=0.0)
    ours, published = (parse_recipe(recipe) for recipe in both)
    kinds = [planned.stage.kind for planned in ours.stages]
    assert kinds.count("frontier") == 2 and kinds[-1] == "select"
    assert "anchor" not in [planned.name for planned in published.stages]


def test_bad_settings_are_told_before_anything_runs(recipe: dict[str, Any]):
    small = recipe["stages"]["small"]
    small["anchors"] = ["nothing"]
    with pytest.raises(RecipeError, match="anchors names no earlier task"):
        parse_recipe(recipe)
    small |= {"anchors": ["others"], "keep": 0.0}
    with pytest.raises(ReshapeError, match="must keep something"):
        parse_recipe(recipe)
    small |= {"keep": 0.2, "channels": -0.1}
    with pytest.raises(RecipeError, match="cannot be below 0"):
        parse_recipe(recipe)
