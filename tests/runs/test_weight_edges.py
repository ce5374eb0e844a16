"""Counting the weights of circuits from a recipe."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tapeout.errors import RecipeError
from tapeout.runs import parse_recipe, run_recipe

from ..tiny import Sizes
from ..words import learnable, word_model, word_task

UNIVERSE = "mlp.act_in, mlp.post_act, attn.act_in, attn.v:channel"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("given")
    model = word_model("weight_sparse", Sizes(layers=2, bias=True, seed=1))
    model.save_pretrained(folder / "model")
    task = learnable(word_task(n=8), model)
    lines = []
    for split in task.splits:
        for example in split.examples:
            row = {"prompt": example.prompt, "answer": example.answers[0]}
            row |= {"foil": example.foils[0], "split": split.name.rpartition("/")[2]}
            lines.append(json.dumps(row))
    (folder / "words.jsonl").write_text("\n".join(lines) + "\n")
    return {
        "stages": {
            "model": {"kind": "load", "source": str(folder / "model")},
            "task": {"kind": "task", "name": str(folder / "words.jsonl"), "minimum": 0.0},
            "means": {"kind": "means", "universe": UNIVERSE},
            "scores": {"kind": "find", "universe": UNIVERSE, "baseline": "mean"},
            "half": {"kind": "select", "share": 0.5, "replacement": "mean"},
            "tenth": {"kind": "select", "share": 0.1, "replacement": "mean"},
            "edges half": {"kind": "weight_edges", "circuit": "half"},
            "edges tenth": {"kind": "weight_edges", "circuit": "tenth", "most_nodes": 3},
            "sizes": {"kind": "mean_size"},
        }
    }


def test_counts_and_their_geometric_mean(recipe: dict[str, Any], tmp_path: Path):
    run_recipe(parse_recipe(recipe), tmp_path)
    stages = json.loads((tmp_path / "results.json").read_text())["stages"]
    half, tenth, mean = (stages[s]["metrics"] for s in ("edges half", "edges tenth", "sizes"))
    assert half["nodes"] == stages["half"]["metrics"]["size"]
    assert half["edges"] > tenth["edges"] > 0
    for row in (half, tenth):
        assert row["edges"] <= row["pairs"]
        for key in ("nodes", "edges", "biases"):
            assert row[key] == sum(layer[key] for layer in row["by_layer"])
        parts = [part for layer in row["by_layer"] for part in layer["connections"]]
        assert row["edges"] == sum(part["edges"] for part in parts)
    assert len(tenth["diagram"]["nodes"]) == 3 and tenth["diagram"]["more_nodes"] > 0
    assert mean["n"] == 2 and mean["tasks"] == [half["task"]]
    expected = math.sqrt(half["edges"] * tenth["edges"])
    assert mean["geometric_mean"]["edges"] == pytest.approx(expected)


def test_a_mean_needs_something_to_average(recipe: dict[str, Any], tmp_path: Path):
    stages = {name: s for name, s in recipe["stages"].items() if s["kind"] != "weight_edges"}
    with pytest.raises(RecipeError, match="weight_edges"):
        run_recipe(parse_recipe({"stages": stages}), tmp_path)


def test_checks_look_at_every_node(recipe: dict[str, Any], tmp_path: Path):
    stages = {name: s for name, s in recipe["stages"].items() if s["kind"] != "weight_edges"}
    del stages["sizes"], stages["half"]
    # the task's own prompts stand in for text
    stages["tenth"] = stages["tenth"] | {"share": 0.05}
    stages["looks"] = {"kind": "checks", "text": "task", "steps": 1, "random_seeds": 1}
    run_recipe(parse_recipe({"stages": stages}), tmp_path)
    done = json.loads((tmp_path / "results.json").read_text())["stages"]
    found, size = done["looks"]["metrics"], done["tenth"]["metrics"]["size"]
    assert found["nodes"] == size == len(found["effects"]["rows"]) == len(found["binary"]["values"])
    assert found["inverse"]["n"] == found["n"] and found["text"].endswith("reference")
    assert len(found["contexts"]["rows"]) == size
    del stages["looks"]["text"]
    with pytest.raises(RecipeError, match="plain text"):
        run_recipe(parse_recipe({"stages": stages}), tmp_path)
