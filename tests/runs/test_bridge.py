"""Bridges to a dense model, and steering through them, as stages and as a command."""

import json
from pathlib import Path
from typing import Any

import pytest

import tapeout
from tapeout.errors import ModelError, RecipeError, TaskError
from tapeout.report import write_report
from tapeout.runs import parse_recipe, run_recipe
from tapeout.sparse import _setup
from tapeout.sparse.bridges import Bridges

from ..code_tokenizer import source_texts
from .test_cli import run

SIZES = {"d_model": 16, "d_head": 4, "length": 32, "batch_size": 4, "validated": 4, "steps": 4}
DENSE = {"kind": "train", "layers": 2, "density": 1, "kept_share": 1, "sinks": False, **SIZES}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs lie side by side, so that they share the corpus and the dense model."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("code")
    for row, text in enumerate(source_texts()[:4]):
        (folder / f"{row}.py").write_text(text[:40_000], encoding="utf-8")
    return str(folder)


@pytest.fixture
def recipe(code: str) -> dict[str, Any]:
    corpus = {"source": code, "vocabulary": 1200, "validation": 0.2, "programs": 200}
    return {
        "name": "bridges",
        "stages": {
            "corpus": {"kind": "corpus", "tokenizer_programs": 1500, **corpus},
            "dense": DENSE,
            "bridges": {"kind": "bridge", "floor": 1, "bridge_share": 1, "d_mlp": 32, **SIZES},
            "quotes": {
                "kind": "task",
                "name": "single_double_quote",
                "n": 12,
                "minimum": 0,
                "model": "dense",
            },
            "steered": {"kind": "steer", "candidates": 3, "random": 2, "strengths": [0, 1]},
        },
    }


def metrics(out: Path, stage: str) -> dict[str, Any]:
    return json.loads((out / "results.json").read_text())["stages"][stage]["metrics"]


def test_from_a_dense_model_to_a_steered_one(recipe: dict[str, Any], shared: Path):
    out = shared / "run"
    run_recipe(parse_recipe(recipe), out)
    found, dense = metrics(out, "bridges"), metrics(out, "dense")
    assert [(p["layer"], p["before"]) for p in found["places"]] == [
        (layer, before) for layer in (0, 1) for before in ("attention", "mlp")
    ]
    assert found["dense_loss"]["value"] == pytest.approx(dense["validation_loss"], abs=1e-4)
    assert found["sparse_loss"]["value"] == pytest.approx(found["validation_loss"], abs=1e-4)
    first = found["places"][0]["to_dense"]
    above = first["loss"]["value"] - found["dense_loss"]["value"]
    assert first["above"]["value"] == pytest.approx(above, abs=1e-6)
    assert found["crossed_tokens"] == 4 * 32 and first["loss"]["n"] == 4
    assert {"nmse", "to_sparse", "to_dense", "loss"} <= set(found["curve"][0])
    models = [tapeout.load(out / "stages" / name) for name in ("dense", "bridges")]
    Bridges.load(out / "stages" / "bridges").check(*models)

    steered = metrics(out, "steered")
    assert steered["n"] == 12 and steered["split"] == "single_double_quote/test"
    assert len(steered["tried"]) == 3 and len(steered["random"]) == 2
    everything = (steered["steered"], steered["whole"], *steered["random"])
    names = [item["channel"] for item in everything]
    assert len(set(names)) == len(names)
    rows = [item["rows"] for item in everything]
    assert len({row[0]["other"]["value"] for row in rows}) == 1  # no strength, no change
    move = rows[0][1]["other"]["value"] - rows[0][0]["other"]["value"]
    assert steered["steered"]["moved"]["value"] == pytest.approx(move, abs=1e-6)
    page = write_report(out).read_text()
    assert "Bridges" in page and names[0] in page


def test_a_channel_can_be_named(recipe: dict[str, Any], shared: Path):
    recipe["stages"]["steered"] |= {"channel": "1.mlp.act_in.3"}
    run_recipe(parse_recipe(recipe), shared / "named")
    found = metrics(shared / "named", "steered")
    assert found["steered"]["channel"] == "1.mlp.act_in.3"
    recipe["stages"]["steered"] |= {"channel": "the last"}
    with pytest.raises(TaskError, match="names no channel"):
        run_recipe(parse_recipe(recipe), shared / "odd")
    recipe["stages"]["steered"] |= {"channel": "1.mlp.act_in.3", "together": 2}
    with pytest.raises(RecipeError, match="leave together at 1"):
        parse_recipe(recipe)
    recipe["stages"]["steered"] |= {"channel": "", "together": 0}
    with pytest.raises(RecipeError, match="start at 1"):
        parse_recipe(recipe)
    recipe["stages"]["steered"] |= {"together": 2}
    run_recipe(parse_recipe(recipe), shared / "together")
    found = metrics(shared / "together", "steered")
    assert found["steered"]["channel"].endswith("and 1 more") and len(found["tried"]) <= 3
    recipe["stages"]["steered"] |= {"strengths": [1.0]}
    with pytest.raises(RecipeError, match="strengths need 0 and 1"):
        parse_recipe(recipe)


def test_a_task_s_texts_serve_as_corpus(recipe: dict[str, Any], shared: Path):
    stages = recipe["stages"]
    stages["texts"] = {"kind": "texts"}
    settings = {"corpus": "texts", "bigrams": "none", "validated": 2}
    stages["narrow"] = stages["bridges"] | settings | {"batch_size": 2}
    recipe["stages"] = {
        name: stages[name] for name in ("corpus", "dense", "quotes", "texts", "narrow")
    }
    run_recipe(parse_recipe(recipe), shared / "narrow")
    found = metrics(shared / "narrow", "texts")
    assert found["documents"] == {"train": 12, "validation": 6}
    assert metrics(shared / "narrow", "narrow")["crossed_tokens"] == 2 * 32


def test_a_table_of_bigrams_needs_room(recipe: dict[str, Any], shared: Path, monkeypatch: Any):
    monkeypatch.setattr(_setup, "MOST_BIGRAMS", 1000)
    recipe["stages"]["bridges"] |= {"seed": 9}
    with pytest.raises(ModelError, match="bigrams: none"):
        run_recipe(parse_recipe(recipe), shared / "wide")


def test_layers_must_agree(recipe: dict[str, Any], shared: Path):
    recipe["stages"]["bridges"] |= {"layers": 1}
    with pytest.raises(ModelError, match=r"has 2 layers and .* 1: bridges join sublayer to"):
        run_recipe(parse_recipe(recipe), shared / "uneven")


def test_the_command(recipe: dict[str, Any], shared: Path, monkeypatch: Any, capsys: Any):
    stages = recipe["stages"]
    dense = recipe | {"stages": {name: stages[name] for name in ("corpus", "dense")}}
    run_recipe(parse_recipe(dense), shared / "dense")
    small = ["--together", 2, "--steps", 2, "--d-model", 16, "--length", 32, "--batch-size", 4]
    code, text = run(monkeypatch, capsys, "bridge", shared / "dense", *small)
    said = " ".join(text.split())  # tables wrap
    assert code == 0 and "to sparse" in said and "random ones" in said, text
    assert "and 1 more" in said, text
    assert set(json.loads((shared / "dense/results.json").read_text())["stages"]) >= {
        "bridged",
        "steered",
    }
    model = shared / "dense/stages/dense"
    code, text = run(monkeypatch, capsys, "bridge", model)
    assert code == 2 and "--texts" in text
    narrow = ["--texts", "single_double_quote", "--n", 300, "--task", "", "--out", shared / "n"]
    code, text = run(monkeypatch, capsys, "bridge", model, *small, *narrow)
    assert code == 0 and "to dense" in text and "random" not in text, text
