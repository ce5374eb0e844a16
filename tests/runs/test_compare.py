"""`tapeout compare`: every method on every task, and what can be wrong with the file."""

import json

import pytest
import yaml

from tapeout.errors import RecipeError, RunError
from tapeout.report import methods_table, write_methods_page
from tapeout.runs import comparison_recipe, comparison_rows, read_comparison, run_recipe

from ..report.test_terminal import drawn
from .test_cli import here, run  # noqa: F401


@pytest.fixture(scope="module")
def given(places):
    return {
        "model": str(places["model"]),
        "tasks": {"words": {"name": str(places["task"])}},
        "methods": {
            "learned": {"scores": {"kind": "mask", "universe": "attn.z", "steps": 3}},
            "scored": {
                "scores": {"kind": "find", "universe": "attn.z"},
                "circuits": {
                    "same-size": {"like": "learned.kept"},
                    "same-kl": {"rival": "learned.kept", "objective": "kl"},
                },
            },
            "edges": {"scores": {"kind": "edges"}, "circuits": {"half": {"share": 0.5}}},
            "learned-edges": {"scores": {"kind": "mask", "preset": "edge-pruning", "steps": 3}},
        },
        "seeds": [0, 1],
        "verify": {"random_seeds": 1},
    }


def written(folder, data):
    path = folder / "c.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def compared(given, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    comparison = read_comparison(written(folder, given))
    finished = run_recipe(comparison_recipe(comparison), folder / "run")
    return comparison, finished, comparison_rows(comparison, finished)


def test_one_row_for_every_circuit_and_seed(compared):
    *_, rows = compared
    place = [(row["method"], row["circuit"], row["seed"]) for row in rows]
    assert place == [
        ("learned", "kept", 0),
        ("learned", "kept", 1),
        ("scored", "same-size", 0),
        ("scored", "same-kl", 0),
        ("edges", "half", 0),
        ("learned-edges", "kept", 0),
        ("learned-edges", "kept", 1),
    ]
    for row in rows:
        assert row["split"] == "words/test" and row["n"] > 0 and row["replacement"]
        assert 0 <= row["heads"] <= row["heads_total"] and row["edges"] <= row["edges_total"]
        assert row["kl"] >= -1e-6 and row["peak_mb"] > 0


def test_means_of_another_text_and_weights_of_circuits(given, tmp_path):
    calibrated = {"calibrate": True, "objective": "candidates", "random_seeds": 1}
    data = given | {
        "methods": {
            "found": {
                "scores": {"kind": "find", "universe": "mlp.post_act", "baseline": "mean"},
                "circuits": {"lossy": {"loss": 5.0, "objective": "candidates"}},
            }
        },
        "replacement": "mean",
        "reference": {"name": "text", "n": {"reference": 4}, "minimum": 0},
        "verify": calibrated,
    }
    comparison = read_comparison(written(tmp_path, data))
    finished = run_recipe(comparison_recipe(comparison), tmp_path / "run")
    (row,) = comparison_rows(comparison, finished)
    assert row["target_loss"] == 5.0 and row["replacement"].startswith("mean")
    proof = finished["words.found.lossy.0.proof"].metrics
    assert row["loss"] == proof["calibration"]["loss"]["with"]["value"] != row["loss_uncalibrated"]
    none = dict.fromkeys(("heads", "heads_total", "edges_total"))  # as of weight-sparse models
    assert "12" in drawn(methods_table([row | none | {"edges": 12}]))
    write_methods_page(tmp_path, "t", [row | none | {"edges": 12}])
    counted = comparison_recipe(read_comparison(written(tmp_path, data | {"weights": True})))
    assert "words.found.lossy.0.weights" in [planned.name for planned in counted.stages]


def test_what_a_model_cannot_do_is_left_out_and_named(given, here, monkeypatch, capsys):  # noqa: F811
    found = {"kind": "find", "universe": "mlp.post_act"}
    circuits = {"never": {"loss": 0.0, "objective": "task"}, "half": {"share": 0.5}}
    data = given | {"methods": {"found": {"scores": found, "circuits": circuits}}}
    data["tasks"] = data["tasks"] | {"beyond": {"name": "addition", "n": 8, "minimum": 1.0}}
    code, text = run(monkeypatch, capsys, "compare", written(here, data))
    assert code == 0 and "not reached" in text
    told = json.loads((here / "runs/c/comparison.json").read_text())
    assert [row["circuit"] for row in told["rows"]] == ["half"]
    assert [*told["unreached"]] == ["words.found.never.0", "beyond"]
    assert "so no circuit reaches it" in told["unreached"]["words.found.never.0"]
    assert "so no circuit reaches it" in (here / "runs/c/comparison.html").read_text()


def test_rivals_are_matched(compared):
    _, finished, rows = compared
    learned, same_size, same_kl = rows[0], rows[2], rows[3]
    assert same_size["size"] == learned["size"]
    chosen = finished["words.scored.same-kl.0"].metrics["loss"]
    assert chosen["loss"]["value"] <= chosen["bar"] + 1e-6
    assert same_kl["size"] == chosen["k"]


def test_rows_say_what_the_stages_say(compared):
    _, finished, rows = compared
    proof = finished["words.scored.same-size.0.proof"].metrics
    name, metric = next(iter(proof["metrics"].items()))
    row = rows[2]
    assert row["metric_name"] == name and row["metric"] == metric["circuit"]["value"]
    full, own, empty = (metric[which]["value"] for which in ("full", "circuit", "empty"))
    assert row["faithfulness"] == pytest.approx((own - empty) / (full - empty))
    assert row["necessity"] == proof["necessity"]["value"]


def test_the_command(given, here, monkeypatch, capsys):  # noqa: F811
    methods = {"edges": {"scores": {"kind": "edges"}, "circuits": {"<b>": {"share": 0.5}}}}
    path = written(here, given | {"methods": methods})
    code, text = run(monkeypatch, capsys, "compare", path, "--dry-run")
    assert code == 0 and "words.edges" in text and not (here / "runs/c").exists()
    code, text = run(monkeypatch, capsys, "compare", path)
    assert code == 0, text
    assert "edges: <b>" in text
    data = json.loads((here / "runs/c/comparison.json").read_text())
    assert [row["method"] for row in data["rows"]] == ["edges"]
    page = (here / "runs/c/comparison.html").read_text()
    assert "&lt;b&gt;" in page and "<b>:" not in page and "<script" not in page


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": {}}, "unknown key 'method'"),
        ({"methods": {"a": {"score": {}}}}, "unknown key 'score'"),
        ({"methods": {"a": {"scores": {"kind": "fnd"}}}}, "unknown kind 'fnd'"),
        (
            {
                "methods": {
                    "a": {"scores": {"kind": "find"}, "circuits": {"x": {"like": "b.kept"}}},
                }
            },
            "no earlier circuit 'words.b.kept'",
        ),
        ({"stages": {}}, "tapeout run"),
    ],
)
def test_a_wrong_file_is_refused(given, tmp_path, change, words):
    with pytest.raises(RecipeError, match=words):
        comparison_recipe(read_comparison(written(tmp_path, given | change)))


def test_damaged_rows_are_named(tmp_path):
    with pytest.raises(RunError, match="comparison row 0"):
        methods_table([{"task": "t"}])
    with pytest.raises(RunError, match="comparison row 0"):
        write_methods_page(tmp_path, "t", [{"task": "t"}])
