import json
from pathlib import Path
from typing import Any

from of_amplify import MOST_NAMES, by_arm, components_of, is_arm, row_of, seconds_of

from tapeout.circuits import Circuit, Universe

from ..tiny import Sizes, tiny


def stage(kind: str, inputs: dict[str, str], metrics: dict[str, Any], **settings: Any) -> dict:
    common = {
        "kind": kind,
        "inputs": inputs,
        "metrics": metrics,
        "settings": {"seed": 3, **settings},
    }
    return common | {"seconds": 2.0, "peak_mb": 5.0}


def update(circuit: str) -> dict:
    kl = {"kl_to_base": {"value": 0.25}}
    delta = {"bytes": 70, "share": 0.5}
    metrics = {
        "origin": {"config": {"learning_rate": 0.1}},
        "step": 4,
        "others": {"text": kl},
        "delta": delta,
    }
    return stage("amplify", {"pivots": "pairs", "circuit": circuit}, metrics)


def solve(model: str, against: str, right: float) -> dict:
    counted = {"accuracy": {"value": right, "n": 40}, "answered": {"value": 1.0}, "split": "p/test"}
    span = {"value": right - 0.5, "low": 0.1, "high": 0.3, "p": 0.01, "gained": 9, "lost": 2}
    gain = {"gain": {"by_problem": span, "by_template": span | {"low": -0.1}}}
    return stage("solve", {"model": model, "against": against}, counted | (gain if against else {}))


STAGES = {
    "before": solve("model", "", 0.5),
    "pairs": stage("pivots", {}, {"n": 12}, method="branching"),
    "mask": stage(
        "localise",
        {},
        {
            "share": 0.015,
            "evidence": {
                "n": 9,
                "rise": {"value": 0.3},
                "over_random": {"value": 0.2, "low": 0.1, "high": 0.4},
            },
        },
    ),
    "drawn": stage("random", {}, {"share": 0.015}),
    "problems": stage("problems", {}, {"sizes": {"train": 90}}),
    "masked": update("mask"),
    "control": update("drawn"),
    "all": update(""),
    "tuned": stage(
        "tune",
        {"problems": "problems"},
        {"origin": {"config": {"learning_rate": 0.1}}, "step": 4, "others": {}},
        learn=0,
    ),
}


def test_an_arm_is_named_by_what_it_may_change():
    found = {}
    for name in ("masked", "control", "all", "tuned"):
        row = row_of(solve(name, "before", 0.7), STAGES)
        found[name] = (row["arm"], row["localisation"], row["n_train"], row["share"])
    assert found == {
        "masked": ("mask", "branching", 12, 0.015),
        "control": ("random mask", "branching", 12, 0.015),
        "all": ("no mask", "branching", 12, 1.0),
        "tuned": ("lora", "", 90, 1.0),
    }


def test_gains_are_beside_the_base_they_were_measured_against():
    row = row_of(solve("masked", "before", 0.7), STAGES)
    assert (row["accuracy_base"], row["accuracy"], row["n_test"]) == (0.5, 0.7, 40)
    assert (row["low"], row["high"], row["low_by_template"]) == (0.1, 0.3, -0.1)
    assert (row["gained"], row["lost"]) == (9, 2)
    assert (row["kl_text"], row["side_effects"], row["seed"]) == (0.25, {}, 3)
    assert not is_arm(STAGES["before"])


def test_a_masks_own_evidence_is_there_and_no_other_arm_has_any():
    row = row_of(solve("masked", "before", 0.7), STAGES)
    assert (row["n_pairs"], row["rise"], row["over_random"]) == (9, 0.3, 0.2)
    assert (row["over_random_low"], row["over_random_high"]) == (0.1, 0.4)
    assert "rise" not in row_of(solve("control", "before", 0.7), STAGES)


def test_divisions_of_an_arm_are_taken_together():
    rows = [row_of(solve("masked", "before", right), STAGES) for right in (0.7, 0.75)]
    assert by_arm(rows) == {("mask", "branching"): [0.7 - 0.5, 0.75 - 0.5]}


def test_a_small_mask_is_named(tmp_path: Path):
    universe = Universe.of(tiny("llama", Sizes(layers=6)).shape, "mlp.post_act")
    assert universe.size > MOST_NAMES
    circuit = Circuit.of(universe, ["0.mlp.post_act.3"])
    circuit.save(tmp_path / "stages" / "mask")
    arm = solve("masked", "before", 0.7)
    assert components_of(arm, STAGES, tmp_path) == {"components": ["0.mlp.post_act.3"]}
    Circuit.full(universe).save(tmp_path / "stages" / "mask")
    assert components_of(arm, STAGES, tmp_path) == {}
    assert components_of(solve("all", "before", 0.7), STAGES, tmp_path) == {}


def test_a_run_takes_from_its_begin_to_its_end(tmp_path: Path) -> None:
    def took(*events: str) -> float:
        lines = [json.dumps({"time": 7.5 + at, "event": e}) for at, e in enumerate(events)]
        (tmp_path / "events.jsonl").write_text("\n".join(lines) + "\n")
        return seconds_of(tmp_path, {"a": {"seconds": 20.0}, "b": {"seconds": 30.0}})

    assert took("began", "start", "done", "ended") == 3.0
    assert took("began", "start", "began", "ended") == 50.0  # nobody worked in between
