import json

import pytest

from tapeout.circuits import Circuit
from tapeout.errors import RecipeError, TaskError
from tapeout.runs import parse_recipe, run_recipe


def metrics(out, stage):
    return json.loads((out / "results.json").read_text())["stages"][stage]["metrics"]


def at_loss(source, **changes):
    """The recipe without a frontier, its circuit selected by a loss."""
    stages = {n: s for n, s in source["stages"].items() if n not in ("frontier", "small")}
    stages["circuit"] = {"kind": "select", "replacement": "mean", "loss": 0.4} | changes
    stages["proof"] = {"kind": "verify", "random_seeds": 0}
    return source | {"stages": stages}


@pytest.mark.parametrize("objective", ["candidates", "kl", "task"])
def test_a_circuit_is_selected_by_its_loss(source, tmp_path, objective):
    loss = 3.0 if objective == "task" else 0.4
    run_recipe(parse_recipe(at_loss(source, objective=objective, loss=loss)), tmp_path / "run")
    found = metrics(tmp_path / "run", "circuit")
    assert found["loss"]["loss"]["value"] <= found["loss"]["bar"] == loss
    assert found["loss"]["split"].endswith("/validation")
    assert found["loss"]["objective"] == objective
    circuit = Circuit.load(tmp_path / "run" / "stages" / "circuit")
    assert circuit.size == found["size"] == found["loss"]["k"]
    assert circuit.origin["selected"]["loss"] == found["loss"]
    assert circuit.means
    log = (tmp_path / "run" / "stages" / "circuit" / "losses.jsonl").read_text().splitlines()
    assert len(log) == found["loss"]["evaluations"]
    assert metrics(tmp_path / "run", "proof")["size"] == circuit.size


def test_a_circuit_may_be_selected_by_its_calibrated_loss(source, tmp_path):
    run_recipe(parse_recipe(at_loss(source, objective="kl", calibrate=True)), tmp_path / "run")
    found = metrics(tmp_path / "run", "circuit")["loss"]
    assert "/train" in found["calibrated_on"] and found["loss"]["value"] <= found["bar"]


def test_what_selects_is_one_thing(source, tmp_path):
    for other in ({"positive": True}, {"share": 0.5}):
        with pytest.raises(RecipeError, match="not both"):
            run_recipe(parse_recipe(at_loss(source, **other)), tmp_path / "run")
    with pytest.raises(TaskError, match="raise the target"):
        run_recipe(parse_recipe(at_loss(source, loss=0.0, objective="task")), tmp_path / "run")


def test_a_proof_with_and_without_calibration(source, tmp_path):
    recipe = at_loss(source)
    recipe["stages"]["proof"] |= {"calibrate": True, "objective": "kl"}
    run_recipe(parse_recipe(recipe), tmp_path / "run")
    proof = metrics(tmp_path / "run", "proof")
    found = proof["calibration"]
    assert found["fit"]["split"].endswith("/train") and found["split"] == proof["split"]
    assert found["fit"]["after"]["value"] <= found["fit"]["before"]["value"]
    assert found["loss"]["without"]["value"] == pytest.approx(proof["kl"]["value"], abs=1e-5)
    assert found["accuracy"]["without"] == proof["teacher_forced"]
    for name, both in proof["metrics"].items():
        assert found["metrics"][name]["without"] == both["circuit"]
    recipe["stages"]["proof"]["calibrate"] = False
    run_recipe(parse_recipe(recipe), tmp_path / "plain")
    plain = metrics(tmp_path / "plain", "proof")
    assert plain == {name: value for name, value in proof.items() if name != "calibration"}
