"""Recipes that make one capability better, on a tiny random model and a task of parity."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

import tapeout
from tapeout import reasoning
from tapeout.amplify import Delta
from tapeout.amplify._solver import Solver
from tapeout.errors import RecipeError
from tapeout.report import tables_of, write_report
from tapeout.report._results import read_results
from tapeout.report.viewer._amplify import amplified
from tapeout.reshape import Change
from tapeout.runs import amplify_recipe, parse_recipe, run_recipe
from tapeout.runs._stage import Work
from tapeout.runs.stages import _update
from tapeout.runs.stages._update import Amplify
from tapeout.verify import drift_on

from ..amplify import parity
from ..amplify.lessons import taught
from ..tiny import Sizes, tiny_hf
from ..words import learnable, word_model, word_task
from .test_cli import run

TRACES = {"limit": 8, "samples": 6, "batch_size": 8}


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The command's recipe, made small."""
    parity.model().save_pretrained(tmp_path / "model")
    monkeypatch.setattr(reasoning, "build", lambda name, **options: parity.task(24), raising=False)
    source = amplify_recipe(str(tmp_path / "model"), limit=8, rates=(0.1, 1.0), steps=3)
    stages = source["stages"]
    del stages["text"]
    stages["pivots"] |= TRACES
    stages["components"] |= {
        "epochs": 2,
        "first": 1.0,
        "share": 1.0,
        "draws": 2,
        "penalties": [0.01],
    }
    for name in ("amplified", "control"):
        stages[name] |= {"watched": [], "rows": 4, "device": "cpu"}
    return source


def metrics(out: Path) -> dict[str, Any]:
    stages = json.loads((out / "results.json").read_text())["stages"]
    return {name: stage["metrics"] for name, stage in stages.items()}


def test_from_problems_to_a_better_model(recipe: dict[str, Any], tmp_path: Path):
    out = tmp_path / "run"
    run_recipe(parse_recipe(recipe), out)
    found = metrics(out)
    counts = found["pivots"]["counts"]
    assert 0 < counts["greedy_right"] < counts["problems"] == 24
    assert found["components"]["kept"] == found["random-components"]["size"] > 0
    texts = (out / "stages" / "pivots" / "texts.jsonl").read_text().splitlines()
    assert len(texts) == found["pivots"]["n"]
    base, new = (
        tapeout.load(place) for place in (tmp_path / "model", out / "stages" / "amplified")
    )
    delta = Delta.load(out / "stages" / "amplified")
    assert delta.apply(base).fingerprint.weights == new.fingerprint.weights
    assert delta.revert(new).fingerprint.weights == base.fingerprint.weights
    for name in ("amplified", "control"):
        gain = found[f"{name}-solves"]["gain"]["by_problem"]
        before, after = (found[s]["accuracy"]["right"] for s in ("before", f"{name}-solves"))
        assert gain["gained"] - gain["lost"] == after - before
        assert found[name]["score"] >= found[name]["base_score"]
        assert {row["learning_rate"] for row in found[name]["rates"]} == {0.1, 1.0}
    page = write_report(out).read_text()
    assert "One capability made better" in page and "Components that promote" in page
    assert len(amplified_of(out)["pairs"][0]["rows"]) == len(texts)
    stages = json.loads((out / "results.json").read_text())["stages"]
    assert len(tables_of(stages)) >= 4


def amplified_of(out: Path) -> dict[str, Any]:
    """What the page's script is given."""
    found = amplified(read_results(out), out, notes := [])
    assert found and not notes
    return found


def test_only_the_same_problems_are_compared(recipe: dict[str, Any], tmp_path: Path):
    stages = {name: recipe["stages"][name] for name in ("model", "problems", "before")}
    stages["after"] = {"kind": "solve", "split": "validation", "against": "before", "limit": 8}
    with pytest.raises(RecipeError, match="compare the same problems"):
        run_recipe(parse_recipe({"name": "two", "stages": stages}), tmp_path / "run")


def test_a_model_is_no_better_than_itself(recipe: dict[str, Any], tmp_path: Path):
    stages = {name: recipe["stages"][name] for name in ("model", "problems", "before")}
    stages["again"] = {"kind": "solve", "against": "before", "limit": 8, "batch_size": 3}
    run_recipe(parse_recipe({"name": "two", "stages": stages}), tmp_path / "run")
    gain = metrics(tmp_path / "run")["again"]["gain"]["by_problem"]
    assert gain["value"] == gain["low"] == gain["high"] == 0 and gain["p"] == 1


def test_a_base_is_scored_by_an_earlier_stage(
    recipe: dict[str, Any], tmp_path: Path, monkeypatch: Any
):
    scored, real = [], _update.solves

    def solves(*given: Any, **how: Any) -> Any:
        score = real(*given, **how)
        return lambda model: scored.append(model) or score(model)

    monkeypatch.setattr(_update, "solves", solves)
    kept = ("model", "problems", "before", "pivots")
    stages = {name: recipe["stages"][name] for name in kept}
    stages["known"] = {"kind": "solve", "split": "validation", "limit": 8}
    every = recipe["stages"]["amplified"] | {"circuit": "", "rates": [0.1], "steps": 1}
    stages |= {"alone": every | {"before": ""}, "behind": every | {"before": "known"}}
    run_recipe(parse_recipe({"name": "all", "stages": stages}), tmp_path / "run")
    found = metrics(tmp_path / "run")
    assert len(scored) == 2 + 1  # base and step 1, then step 1 alone
    assert found["alone"]["scores"] == found["behind"]["scores"]
    assert found["behind"]["base_score"] == found["known"]["accuracy"]["value"]
    stages["behind"] |= {"before": "before"}
    with pytest.raises(RecipeError, match=r"needs the base's of .*validation"):
        run_recipe(parse_recipe({"name": "all", "stages": stages}), tmp_path / "other")


def test_a_step_too_far_from_the_base_is_not_kept(
    recipe: dict[str, Any], tmp_path: Path, monkeypatch: Any
):
    base, task = word_model(), learnable(word_task(), word_model())
    changed = base.sibling(tiny_hf("llama", Sizes(seed=1)), "changed")
    far = drift_on(base, changed, task.validation).value
    assert far > 1e-3 and far != pytest.approx(drift_on(base, changed, task.test).value)
    monkeypatch.setattr(_update, "solves", lambda split, **how: lambda model: 0.5)
    inputs = {"model": base, "problems": parity.task(4), "watched.0": task}
    for most, score in ((far * 0.99, -math.inf), (far * 1.01, 0.5), (0.0, 0.5)):
        stage = Amplify(watched=("words",), most_kl=most)
        work = Work(tmp_path, inputs, {}, {}, lambda *done: None)
        assert stage.search(work)["evaluate"](changed) == score
    stages = recipe["stages"]
    stages["amplified"] |= {"most_kl": 0.1}
    with pytest.raises(RecipeError, match="name one in `watched`"):
        parse_recipe({"name": "near", "stages": stages})


def test_more_answers_than_the_base_states_are_not_asked(recipe: dict[str, Any], tmp_path: Path):
    given = recipe["stages"]
    stages = {name: given[name] for name in ("model", "problems", "before")}
    stages["validated"] = stages["before"] | {"split": "validation", "take": 0}
    stages |= given
    stages["amplified"] |= {"before": "validated", "least_answered": 1.0}
    recipe["stages"] = stages
    with pytest.raises(RecipeError, match="the base itself states an answer to"):
        run_recipe(parse_recipe(recipe), tmp_path / "run")
    stages["amplified"] |= {"least_answered": 1.1}
    with pytest.raises(RecipeError, match="share of problems"):
        parse_recipe(recipe)


def test_a_step_without_a_score_is_null_in_the_results(
    recipe: dict[str, Any], tmp_path: Path, monkeypatch: Any
):
    scores = iter([0.25, -math.inf])
    monkeypatch.setattr(_update, "solves", lambda split, **how: lambda model: next(scores))
    stages = {name: recipe["stages"][name] for name in ("model", "problems", "before", "pivots")}
    stages["far"] = recipe["stages"]["amplified"] | {"circuit": "", "rates": [0.1], "steps": 1}
    run_recipe(parse_recipe({"name": "far", "stages": stages}), tmp_path / "run")
    assert metrics(tmp_path / "run")["far"]["scores"] == {"0": 0.25, "1": None}


def test_without_a_circuit_every_weight_moves(recipe: dict[str, Any], tmp_path: Path):
    kept = ("model", "problems", "before", "pivots")
    stages = {name: recipe["stages"][name] for name in kept}
    stages["all"] = recipe["stages"]["amplified"] | {"circuit": "", "rates": [1e-3], "steps": 2}
    run_recipe(parse_recipe({"name": "all", "stages": stages}), tmp_path / "run")
    new = tapeout.load(tmp_path / "run" / "stages" / "all")
    base = tapeout.load(tmp_path / "model")
    same = [
        torch.equal(old, own)
        for old, own in zip(base.hf.parameters(), new.hf.parameters(), strict=True)
    ]
    step = metrics(tmp_path / "run")["all"]["step"]
    assert all(same) if step == 0 else not any(same)


def test_the_baseline_learns_worked_solutions(
    recipe: dict[str, Any], tmp_path: Path, monkeypatch: Any
):
    monkeypatch.setattr(reasoning, "build", lambda name, **options: taught(12))
    stages = {name: recipe["stages"][name] for name in ("model", "problems", "before")}
    small = {"rank": 2, "batch": 4, "rows": 4, "epochs": 1, "every": 2, "limit": 8, "device": "cpu"}
    stages["tuned"] = {"kind": "tune", "model": "model", "rates": [1e-3, 0.1], "learn": 8} | small
    stages["after"] = {"kind": "solve", "model": "tuned", "against": "before", "limit": 8}
    run_recipe(parse_recipe({"name": "tuned", "stages": stages}), tmp_path / "run")
    found = metrics(tmp_path / "run")
    assert found["tuned"]["train"].endswith("[:8]") and len(found["tuned"]["curve"]) == 2
    change = Change.load(tmp_path / "run" / "stages" / "tuned" / "change")
    again = change.applied(tapeout.load(tmp_path / "model"))
    assert again.fingerprint.weights == found["tuned"]["weights"]
    stages = json.loads((tmp_path / "run" / "results.json").read_text())["stages"]
    assert len(tables_of(stages)) == 2


def test_the_command(recipe: dict[str, Any], tmp_path: Path, monkeypatch: Any, capsys: Any):
    monkeypatch.setattr("tapeout.runs.amplify_recipe", lambda *given, **options: recipe)
    place = tmp_path / "better"
    given = ["amplify", tmp_path / "model", "--out", tmp_path / "run", "--to", place]
    code, text = run(monkeypatch, capsys, *given)
    assert code == 0 and "Problems solved" in text and "next: tapeout delta info" in text, text
    new = tapeout.load(place)
    assert Delta.load(place).revert(new).fingerprint == tapeout.load(tmp_path / "model").fingerprint


def test_problems_that_are_not_there(tmp_path: Path):
    with pytest.raises(RecipeError, match="there is no file"):
        amplify_recipe("smollm2", str(tmp_path / "none.jsonl"))


def test_two_methods_share_their_traces(recipe: dict[str, Any], tmp_path: Path, monkeypatch: Any):
    names = ("model", "problems", "pivots")
    stages = {name: recipe["stages"][name] for name in names}
    stages["by-prefix"] = stages["pivots"] | {"like": "pivots", "method": "prefix"}
    written, write = [], Solver.write
    monkeypatch.setattr(Solver, "write", lambda *a, **k: written.append(a) or write(*a, **k))
    out = tmp_path / "run"
    run_recipe(parse_recipe({"stages": {name: stages[name] for name in names}}), out)
    before = len(written)
    run_recipe(parse_recipe({"stages": stages}), out)
    assert before and len(written) == before
    found = metrics(out)
    assert found["by-prefix"]["method"] == "prefix"
    same = ("problems", "greedy_right", "samples", "pairs_greedy_wrong")
    assert all(found["by-prefix"]["counts"][k] == found["pivots"]["counts"][k] for k in same)
