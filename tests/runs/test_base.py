import json
from pathlib import Path
from typing import Any

import pytest
import torch

import tapeout
from tapeout.bases import OPERATIONS, adder
from tapeout.errors import ModelError
from tapeout.runs import parse_recipe, run_recipe
from tapeout.runs.stages import _base

SIZES = {"layers": 2, "d_model": 16, "heads": 2, "d_mlp": 24, "batch_size": 16, "save_every": 2}


@pytest.fixture
def recipe() -> dict[str, Any]:
    return {
        "stages": {
            "model": {"kind": "base", "steps": 6, "seed": 3, "device": "cpu", **SIZES},
            "task": {
                "kind": "task",
                "name": "addition",
                "n": 12,
                "options": {"held_out": True},
                "minimum": 0.0,
            },
            "scores": {"kind": "find", "universe": "mlp.post_act", "baseline": "zero"},
            "sizes": {"kind": "frontier", "replacement": "zero", "shares": [0.0, 0.5, 1.0]},
            "circuit": {"kind": "select", "share": 0.5},
            "proof": {"kind": "verify", "random_seeds": 1},
            "small": {"kind": "extract"},
        }
    }


def metrics(out: Path, stage: str) -> dict[str, Any]:
    return json.loads((out / "results.json").read_text())["stages"][stage]["metrics"]


def test_a_base_is_a_model_for_every_other_stage(recipe: dict[str, Any], tmp_path: Path):
    out = tmp_path / "run"
    run_recipe(parse_recipe(recipe), out)
    found = metrics(out, "model")
    assert list(found["accuracy"]) == [operation.name for operation in OPERATIONS]
    for share in found["accuracy"].values():
        assert share["n"] > 100 and share["low"] <= share["value"] <= share["high"]
    model = tapeout.load(out / "stages" / "model")
    assert model.fingerprint.weights == found["weights"]
    assert not (out / "stages" / "model" / "training.safetensors").exists()
    small = tapeout.load(out / "stages" / "small")
    assert small.shape.widths["mlp.post_act"] < model.shape.widths["mlp.post_act"]
    events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    assert {"done": 6, "total": 6}.items() <= max(
        (e for e in events if e["stage"] == "model" and e["event"] == "progress"),
        key=lambda e: e["done"],
    ).items()
    assert all(item.reused for item in run_recipe(parse_recipe(recipe), out).values())


def test_a_killed_base_goes_on(recipe: dict[str, Any], tmp_path: Path, monkeypatch: Any):
    recipe["stages"] = {"model": recipe["stages"]["model"]}
    starts: list[int] = []

    def killed(config: Any, *, checkpoint: Path, progress: Any) -> Any:
        def watch(done: int, total: int) -> None:
            starts.append(done)
            progress(done, total)
            if len(starts) == 5:
                raise KeyboardInterrupt

        return adder(config, checkpoint=checkpoint, progress=watch)

    monkeypatch.setattr(_base, "adder", killed)
    with pytest.raises(KeyboardInterrupt):
        run_recipe(parse_recipe(recipe), tmp_path / "run")
    run_recipe(parse_recipe(recipe), tmp_path / "run")
    assert starts == [1, 2, 3, 4, 5, 5, 6]
    monkeypatch.undo()
    run_recipe(parse_recipe(recipe), tmp_path / "elsewhere" / "run")
    folders = [tmp_path / place / "stages" / "model" for place in ("run", "elsewhere/run")]
    one, other = (tapeout.load(folder).hf.parameters() for folder in folders)
    pairs = zip(one, other, strict=True)
    assert all(torch.equal(p, q) for p, q in pairs)


def test_sizes_are_checked_before_anything_runs(recipe: dict[str, Any]):
    recipe["stages"]["model"]["steps"] = 0
    with pytest.raises(ModelError, match="steps must be at least 1"):
        parse_recipe(recipe)
