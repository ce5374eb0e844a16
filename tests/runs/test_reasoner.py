import json
from pathlib import Path
from typing import Any

import pytest
import torch

import tapeout
from tapeout.reasoning import Reasoner
from tapeout.runs import parse_recipe, run_recipe

SIZES = {"layers": 2, "d_model": 16, "heads": 4, "kv_heads": 2, "d_mlp": 24, "batch_size": 8}
RECIPE: dict[str, Any] = {
    "stages": {
        "model": {
            **{"kind": "reasoner", "steps": 5, "save_every": 2, "device": "cpu", **SIZES},
            **{"measured": 1, "limit": 8},
        },
        "problems": {
            "kind": "problems",
            "options": {"n": 3, "steps": [1], "shots": 0, "unseen": True},
        },
        "solved": {"kind": "solve", "limit": 4},
    }
}


def metrics(out: Path, stage: str) -> dict[str, Any]:
    return json.loads((out / "results.json").read_text())["stages"][stage]["metrics"]


def test_a_reasoner_is_a_model_for_other_stages(tmp_path: Path):
    out = tmp_path / "run"
    run_recipe(parse_recipe(RECIPE), out)
    found = metrics(out, "model")
    assert found["solved"]["n"] == sum(share["n"] for share in found["solved"]["by_steps"].values())
    assert found["solved"]["split"] == "word-problems/test" and found["problems"] == 40
    assert len(found["curve"]) == 5 and found["curve"][0]["loss"] > 5
    model = tapeout.load(out / "stages" / "model")
    assert model.fingerprint.weights == found["weights"]
    assert not (out / "stages" / "model" / "training.safetensors").exists()
    assert metrics(out, "solved")["n"] == 13
    assert all(item.reused for item in run_recipe(parse_recipe(RECIPE), out).values())


def test_a_killed_reasoner_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    recipe = {"stages": {"model": RECIPE["stages"]["model"]}}
    update, steps = Reasoner.update, []

    def killed(self: Reasoner) -> float:
        if len(steps) == 3:
            raise KeyboardInterrupt
        steps.append(self.step)
        return update(self)

    monkeypatch.setattr(Reasoner, "update", killed)
    with pytest.raises(KeyboardInterrupt):
        run_recipe(parse_recipe(recipe), tmp_path / "run")
    monkeypatch.undo()
    seen: list[int] = []
    monkeypatch.setattr(Reasoner, "update", lambda self: (seen.append(self.step), update(self))[1])
    run_recipe(parse_recipe(recipe), tmp_path / "run")
    assert steps == [0, 1, 2] and seen == [2, 3, 4]
    run_recipe(parse_recipe(recipe), tmp_path / "elsewhere" / "run")
    folders = [tmp_path / place / "stages" / "model" for place in ("run", "elsewhere/run")]
    one, other = (tapeout.load(folder).hf.parameters() for folder in folders)
    assert all(torch.equal(p, q) for p, q in zip(one, other, strict=True))
    assert metrics(tmp_path / "run", "model") == metrics(tmp_path / "elsewhere" / "run", "model")
