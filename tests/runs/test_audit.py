"""Stages that audit and that carry circuits over; lists of inputs."""

import json

import pytest

from tapeout.errors import RecipeError
from tapeout.runs import dry_run, parse_recipe, run_recipe

from ..tiny import Sizes
from ..words import word_model


@pytest.fixture
def two(source, tmp_path):
    """The recipe with a second model of the same shape and a circuit of each."""
    model = word_model(sizes=Sizes(layers=2, seed=4))
    model.save_pretrained(tmp_path / "other")
    stages = {name: source["stages"][name] for name in ("model", "task")}
    mlps = {"universe": "mlp.post_act"}
    stages["other"] = {"kind": "load", "source": str(tmp_path / "other")}
    for name in ("model", "other"):
        stages[f"means-{name}"] = {"kind": "means", "model": name} | mlps
        stages[f"scores-{name}"] = {"kind": "find", "model": name, "baseline": "zero"} | mlps
        stages[f"circuit-{name}"] = {
            "kind": "select",
            "scores": f"scores-{name}",
            "means": f"means-{name}",
            "share": 0.5,
            "replacement": "mean",
        }
    return {"name": "two", "stages": stages}


def results(out):
    return json.loads((out / "results.json").read_text())["stages"]


def test_every_circuit_in_every_model(two, tmp_path):
    two["stages"]["matrix"] = {"kind": "transfer"}
    two["stages"]["proof"] = {"kind": "verify", "model": "model", "circuit": "circuit-model"}
    run_recipe(parse_recipe(two), tmp_path / "run")
    found = results(tmp_path / "run")
    cells = found["matrix"]["metrics"]["cells"]
    assert [(cell["circuit"], cell["model"], cell["own"]) for cell in cells] == [
        ("circuit-model", "model", True),
        ("circuit-model", "other", False),
        ("circuit-other", "model", False),
        ("circuit-other", "other", True),
    ]
    assert found["matrix"]["metrics"]["replacement"] == "mean"
    assert cells[0]["autoregressive"] == found["proof"]["metrics"]["autoregressive"]
    assert found["matrix"]["inputs"] == {
        "models.0": "model",
        "models.1": "other",
        "circuits.0": "circuit-model",
        "circuits.1": "circuit-other",
        "task": "task",
    }
    assert found["matrix"]["settings"]["models"] == ["model", "other"]
    assert found["proof"]["metrics"]["strata"]["answer_tokens"]


def test_a_killed_matrix_goes_on(two, tmp_path, monkeypatch):
    from tapeout.verify import _transfer

    two["stages"]["matrix"] = {"kind": "transfer", "replacement": "zero"}
    run_recipe(parse_recipe(two), tmp_path / "a" / "run")
    count, cell = 0, _transfer._Column.cell

    def dies(self, label, circuit):
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return cell(self, label, circuit)

    monkeypatch.setattr(_transfer._Column, "cell", dies)
    with pytest.raises(KeyboardInterrupt):
        run_recipe(parse_recipe(two), tmp_path / "b" / "run")
    (partial,) = (tmp_path / "b" / ".stages").glob(".transfer-*.partial")
    with (partial / "cells.jsonl").open("a") as file:
        file.write('{"circuit": "circ')  # a line torn by the kill
    run_recipe(parse_recipe(two), tmp_path / "b" / "run")
    assert count == 5
    one, again = (results(tmp_path / x / "run")["matrix"]["metrics"] for x in "ab")
    assert one == again


def test_an_audit_of_one_model_and_beside_another(two, tmp_path):
    two["stages"]["audit"] = {
        "kind": "audit",
        "model": "other",
        "base": "model",
        "circuit": "circuit-other",
        "scores": "scores-other",
        "ranks": [0, 4],
        "top": 3,
    }
    run_recipe(parse_recipe(two), tmp_path / "run")
    found = results(tmp_path / "run")["audit"]["metrics"]
    assert list(found) == [
        "split",
        "n",
        "replacement",
        "energy",
        "base_energy",
        "attribution",
        "projection",
        "geometry",
    ]
    assert 0 < found["energy"]["shares"]["all: all"]["activity"]["pooled"] < 1
    assert found["attribution"]["share"] >= found["attribution"]["nodes"] == 0.5
    assert [point["rank"] for point in found["projection"]["points"]] == [0, 4]
    assert found["projection"]["found_on"].startswith("words/train")
    assert found["geometry"]["mean_over_layers"]["residual"]["all: all"]["cka"] < 1
    alone = {"kind": "audit", "model": "model", "parts": ["geometry"], "sites": ["residual"]}
    two["stages"]["audit"] = alone
    run_recipe(parse_recipe(two), tmp_path / "run")
    assert "base" in (found := results(tmp_path / "run")["audit"]["metrics"])["geometry"]
    assert "energy" not in found and found["geometry"]["base"] == ""


def test_a_circuit_of_other_weights_is_audited_on_demand(two, tmp_path):
    audit = {"kind": "audit", "model": "model", "circuit": "circuit-other", "parts": ["energy"]}
    two["stages"]["audit"] = audit
    with pytest.raises(Exception, match="the weights do not"):
        run_recipe(parse_recipe(two), tmp_path / "run")
    two["stages"]["audit"] = audit | {"transfer": True}
    run_recipe(parse_recipe(two), tmp_path / "run")
    assert results(tmp_path / "run")["audit"]["metrics"]["energy"]["n"] == 10


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"models": ["modl"]}, "names no earlier .*load.* stage 'modl': did you mean 'model'"),
        ({"circuits": ["circuit-model", "circuit-model"]}, "names 'circuit-model' twice"),
        ({"models": "model"}, "models: needs a list"),
        ({"circuits": ["task"]}, "circuits names no earlier"),
    ],
)
def test_wrong_lists_of_inputs(two, wrong, message):
    two["stages"]["matrix"] = {"kind": "transfer"} | wrong
    with pytest.raises(RecipeError, match=message):
        parse_recipe(two)


def test_a_list_needs_something_to_name(source):
    kept = {name: source["stages"][name] for name in ("model", "task")}
    source["stages"] = kept | {"matrix": {"kind": "transfer"}}
    with pytest.raises(RecipeError, match=r"needs a stage of kind .*select.* before it"):
        parse_recipe(source)


def test_an_audit_of_nothing_is_told(source, tmp_path):
    kept = {name: source["stages"][name] for name in ("model", "task")}
    source["stages"] = kept | {"audit": {"kind": "audit", "parts": ["energy"]}}
    with pytest.raises(RecipeError, match="nothing to audit"):
        run_recipe(parse_recipe(source), tmp_path / "run")


def test_a_lists_order_and_names_are_part_of_the_key(two, tmp_path):
    def key(**settings):
        stages = two["stages"] | {"matrix": {"kind": "transfer"} | settings}
        return {p.name: p.key for p in parse_recipe({"stages": stages}).stages}["matrix"]

    given = key(models=["model", "other"])
    assert key() == given
    assert key(models=["other", "model"]) != given
    assert key(models=["model"]) != given
    two["stages"]["matrix"] = {"kind": "transfer", "circuits": ["circuit-model"]}
    rows = {row[0]: row[2] for row in dry_run(parse_recipe(two), tmp_path / "run")}
    assert rows["matrix"] == "model, other, circuit-model, task"


def test_circuits_that_were_sized_differently_need_a_replacement(two, tmp_path):
    two["stages"]["circuit-other"]["replacement"] = "zero"
    two["stages"]["matrix"] = {"kind": "transfer"}
    with pytest.raises(RecipeError, match=r"circuit-other under zero.*set `replacement`"):
        run_recipe(parse_recipe(two), tmp_path / "run")
