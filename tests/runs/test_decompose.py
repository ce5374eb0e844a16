"""Directions of a language model's gradients, as stages and as a command."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tapeout.decompose import Decomposition, StoredGradients, _learner
from tapeout.errors import DecomposeError, RecipeError
from tapeout.report._results import read_results
from tapeout.report.viewer._decompose import decomposed
from tapeout.report.viewer._pack import Pack
from tapeout.runs import parse_recipe, run_recipe

from ..tiny import Sizes
from ..words import word_model
from .test_cli import run

MLP = "model.layers.1.mlp.*.weight"


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("given")
    word_model("llama", Sizes(layers=2, seed=1)).save_pretrained(folder / "model")
    rng = random.Random(0)
    lines = [" ".join(f"w{rng.randrange(3, 60)}" for _ in range(12)) for _ in range(80)]
    (folder / "text.txt").write_text("\n\n".join(lines) + "\n")
    return {"model": str(folder / "model"), "text": str(folder / "text.txt")}


@pytest.fixture
def recipe(given: dict[str, str]) -> dict[str, Any]:
    learned = {"kind": "decompose", "count": 6, "active": 0.4, "steps": 12, "batch_size": 8}
    return {
        "name": "directions",
        "stages": {
            "model": {"kind": "load", "source": given["model"]},
            "text": {
                "kind": "task",
                "name": "text",
                "n": {"train": 40, "validation": 20, "test": 30, "reference": 2},
                "minimum": 0,
                "options": {"source": given["text"], "length": 4},
            },
            "gradients": {"kind": "gradients", "parameters": [MLP], "references_each": 2},
            "learned": {
                "each": {"seed": [0, 1]},
                "stages": {"directions": {**learned, "seed": "$seed"}},
            },
            "compared": {"kind": "directions", "moved": 2, "moved_on": 4, "shown": 2},
        },
    }


def metrics(out: Path, stage: str) -> dict[str, Any]:
    return json.loads((out / "results.json").read_text())["stages"][stage]["metrics"]


def test_from_text_to_directions_beside_others(recipe: dict[str, Any], tmp_path: Path):
    out = tmp_path / "run"
    run_recipe(parse_recipe(recipe), out)
    found = metrics(out, "gradients")
    assert found["n"] == {"train": 40, "validation": 20, "test": 30} and found["window"] == 4
    assert len(found["parameters"]) == 3 and 0.1 < found["top_tenth"] < 1

    learned = metrics(out, "directions-1")
    kept = Decomposition.load(out / "stages" / "directions-1")
    gradients = StoredGradients.load(out / "stages" / "gradients" / "validation")
    assert learned["validation_error"] == pytest.approx(kept.error(gradients), abs=1e-6)
    assert learned["seed"] == 1 and kept.decoder.count == 6

    compared = metrics(out, "compared")
    assert compared["split"] == "text/test" and compared["n"] == 30
    sets = {row["name"]: row for row in compared["sets"]}
    assert list(sets) == ["l3d-0", "l3d-1", "random", "svd", "pca"]
    test = StoredGradients.load(out / "stages" / "gradients" / "test")
    assert sets["l3d-1"]["error"]["value"] == pytest.approx(kept.error(test), abs=1e-5)
    assert sets["pca"]["below_pca"]["value"] == 0
    assert sets["pca"]["numbers"] == found["numbers"] > sets["l3d-0"]["numbers"]
    for row in sets.values():
        assert row["fitted"]["value"] <= row["error"]["value"] + 1e-6
        assert row["error"]["low"] <= row["error"]["value"] <= row["error"]["high"]
        assert len(row["specificity"]["rows"]) <= 2
    page = decomposed(read_results(out), out, Pack(), notes := [])
    assert page and not notes
    assert [one["name"] for one in page["learned"]] == ["directions-0", "directions-1"]
    (beside,) = page["compared"]
    assert [one["of"] for one in beside["sets"][:3]] == ["directions-0", "directions-1", ""]
    assert all(row["steps"] for one in beside["sets"] for row in one["rows"])
    shown = compared["examples"]
    assert len(shown) == 2 and len(shown[0]["contexts"]) == 6 and len(shown[0]["up"]) == 6
    assert shown[0]["used"] >= shown[1]["used"]


def test_settings_are_chosen_on_the_validation_split(recipe: dict[str, Any], tmp_path: Path):
    recipe["stages"]["one"] = {
        "kind": "decompose",
        "count": 4,
        "steps": 8,
        "batch_size": 8,
        "tried": [{"learning_rate": 1e-9, "initial": "random"}, {"initial": "samples"}],
    }
    for name in ("learned", "compared"):
        del recipe["stages"][name]
    run_recipe(parse_recipe(recipe), tmp_path / "run")
    found = metrics(tmp_path / "run", "one")
    errors = [row["validation_error"] for row in found["tried"]]
    assert found["chosen"] == {"initial": "samples"} and errors[1] < errors[0]
    assert found["validation_error"] == errors[1]


@pytest.mark.parametrize(
    ("stage", "settings", "said"),
    [
        ("gradients", {"parameters": ["model.layers.1.mlp.up.weight"]}, "no parameter .*up_proj"),
        ("one", {"ranks": 99}, "rank 99 does not fit"),
        ("one", {"ranks": {"up": 1}}, "no parameter 'up' to give a rank"),
    ],
)
def test_what_does_not_fit_is_said(
    recipe: dict[str, Any], tmp_path: Path, stage: str, settings: dict[str, Any], said: str
):
    stages = recipe["stages"]
    stages["one"] = {"kind": "decompose", "count": 4, "steps": 2}
    stages[stage] |= settings
    recipe["stages"] = {name: stages[name] for name in ("model", "text", "gradients", "one")}
    with pytest.raises(DecomposeError, match=said):
        run_recipe(parse_recipe(recipe), tmp_path / "run")


def test_gradients_that_are_not_finite_are_said(recipe: dict[str, Any], tmp_path: Path):
    stages = recipe["stages"]
    recipe["stages"] = {name: stages[name] for name in ("model", "text", "gradients")}
    run_recipe(parse_recipe(recipe), tmp_path / "run")
    path = tmp_path / "run" / "stages" / "gradients" / "train" / "000000.safetensors"
    with safe_open(path, framework="pt") as file:
        head = file.metadata()
    tensors = load_file(path)
    next(value for name, value in tensors.items() if name.endswith("right"))[3] = float("nan")
    save_file(tensors, path, metadata=head)
    recipe["stages"]["one"] = {"kind": "decompose", "count": 4, "steps": 2}
    with pytest.raises(DecomposeError, match="1 of 40 samples are not finite, that of sample 3"):
        run_recipe(parse_recipe(recipe), tmp_path / "run")


def test_directions_that_are_all_dead_are_said(
    recipe: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(_learner, "batch_top_k", lambda values, share: values.isnan())
    stages = recipe["stages"]
    stages["one"] = {"kind": "decompose", "count": 4, "steps": 2, "revive_every": 1}
    recipe["stages"] = {name: stages[name] for name in ("model", "text", "gradients", "one")}
    with pytest.raises(DecomposeError, match="all 4 directions are dead"):
        run_recipe(parse_recipe(recipe), tmp_path / "run")


def test_a_recipe_is_checked_before_it_runs(recipe: dict[str, Any]):
    recipe["stages"]["one"] = {"kind": "decompose", "count": 4, "tried": [{"stepps": 3}]}
    with pytest.raises(RecipeError, match=r"tried: no setting 'stepps'.*steps"):
        parse_recipe(recipe)
    recipe["stages"]["one"] = {"kind": "decompose", "count": 0}
    with pytest.raises(DecomposeError, match="count must be at least 1"):
        parse_recipe(recipe)


def test_a_toy_is_taken_apart(tmp_path: Path):
    toy = {"kind": "toy", "name": "tms", "count": 5, "at_once": 1.0, "pairs": 200, "steps": 30}
    stages = {"toy": {**toy, "options": {"steps": 40, "starts": 2}, "batch_size": 16}}
    run_recipe(parse_recipe({"stages": stages}), tmp_path / "run")
    found = metrics(tmp_path / "run", "toy")
    assert found["active"] == 0.2 and found["n"] == 200
    assert 0 < found["error"] < 2 and {"mmcs", "ml2r", "found"} <= set(found["measures"])
    stages["toy"]["options"] = {"start": 2}
    with pytest.raises(RecipeError, match=r"no option 'start'.*starts"):
        parse_recipe({"stages": stages})
    stages["toy"] |= {"options": {}, "name": "tmc"}
    with pytest.raises(RecipeError, match=r"no toy is called 'tmc'.*tmcs"):
        parse_recipe({"stages": stages})


def test_the_command_and_its_page(
    given: dict[str, str], tmp_path: Path, monkeypatch: Any, capsys: Any
):
    asked = ["decompose", given["model"], "--parameters", MLP, "--text", given["text"]]
    small = ["--windows", "24", "--length", "4", "--directions", "4", "--active", "0.5"]
    quick = ["--steps", "8", "--batch-size", "8", "--out", tmp_path / "d"]
    monkeypatch.setenv("COLUMNS", "160")
    code, text = run(monkeypatch, capsys, *asked, *small, *quick)
    assert code == 0, text
    assert "tapeout report" in text and "learned, seed 0" in text
    page = (tmp_path / "d" / "report.html").read_text()
    assert "Directions in parameter space" in page and "Examples of 4 directions" in page
    code, text = run(monkeypatch, capsys, *asked, *small, "--rank", "50", *quick)
    assert code == 2 and "rank 50 does not fit" in text, text
