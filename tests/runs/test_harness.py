"""The stage of public benchmarks, on a harness that only notes what it is asked."""

import json
from pathlib import Path
from typing import Any

import pytest

from tapeout.report import write_report
from tapeout.runs import parse_recipe, run_recipe
from tapeout.runs.stages import _harness

from ..words import word_model


@pytest.fixture
def values(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Model name -> what it gets in both tasks."""
    values: dict[str, float] = {}

    def harness(model: Any, tasks: Any, *, limit: Any, **_: Any) -> list[dict[str, Any]]:
        value = values[Path(model.name).name]
        about = {"value": value, "stderr": 0.03, "n": limit or 100, "shots": 5}
        unknown = about | {"task": "b", "metric": "f1", "stderr": None}
        return [about | {"task": tasks[0], "metric": "acc"}, unknown]

    monkeypatch.setattr(_harness, "harness", harness)
    return values


def run(folder: Path, values: dict[str, float], **changed: Any) -> list[dict[str, Any]]:
    for name in ("base", "new"):
        word_model().save_pretrained(folder / name)
        values[name] = 0.5 if name == "base" else 0.46
    stages: dict[str, Any] = {
        name: {"kind": "load", "source": str(folder / name)} for name in ("base", "new")
    }
    stages["before"] = {"kind": "harness", "model": "base", "tasks": ["a"]}
    stages["after"] = stages["before"] | {"model": "new", "against": "before"} | changed
    run_recipe(parse_recipe({"stages": stages}), folder / "run")
    page = write_report(folder / "run").read_text()
    assert "Public benchmarks" in page
    found = json.loads((folder / "run" / "results.json").read_text())["stages"]
    return found["after"]["metrics"]["rows"]


def test_a_row_is_held_against_the_same_row_of_the_base(tmp_path: Path, values: Any):
    first, second = run(tmp_path, values)
    half = 1.96 * (2 * 0.03**2) ** 0.5
    assert first["difference"] == pytest.approx(-0.04)
    assert (first["low"], first["high"]) == pytest.approx((-0.04 - half, -0.04 + half))
    assert second["difference"] == pytest.approx(-0.04) and "low" not in second


def test_other_questions_are_not_compared(tmp_path: Path, values: Any):
    assert all("difference" not in row for row in run(tmp_path, values, limit=10))
