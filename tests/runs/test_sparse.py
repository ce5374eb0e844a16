"""A corpus, a weight-sparse transformer trained on it, and what other stages make of it."""

import json
from pathlib import Path
from typing import Any

import pytest

import tapeout
from tapeout.errors import CorpusError, ModelError
from tapeout.report import write_report
from tapeout.runs import parse_recipe, run_recipe
from tapeout.runs.stages import _sparse

from ..code_tokenizer import source_texts

SIZES = {"layers": 1, "d_model": 16, "d_head": 4, "length": 32, "batch_size": 4, "validated": 4}


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("code")
    for row, text in enumerate(source_texts()[:4]):
        (folder / f"{row}.py").write_text(text[:40_000], encoding="utf-8")
    return str(folder)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs lie side by side, so that they share the corpus."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def recipe(code: str) -> dict[str, Any]:
    corpus = {"source": code, "vocabulary": 1200, "validation": 0.2, "programs": 200}
    return {
        "stages": {
            "corpus": {"kind": "corpus", "tokenizer_programs": 1500, **corpus},
            "model": {"kind": "train", "steps": 6, "floor": 1, "save_every": 2, **SIZES},
            "task": {"kind": "task", "name": "single_double_quote", "n": 12, "minimum": 0.0},
            "means": {"kind": "means", "universe": "mlp.post_act, attn.v"},
            "scores": {"kind": "find", "universe": "mlp.post_act, attn.v", "baseline": "mean"},
            "circuit": {"kind": "select", "share": 0.5, "replacement": "mean"},
            "proof": {"kind": "verify", "random_seeds": 1},
            "small": {"kind": "extract"},
        }
    }


def metrics(out: Path, stage: str) -> dict[str, Any]:
    return json.loads((out / "results.json").read_text())["stages"][stage]["metrics"]


def test_a_sparse_model_serves_every_other_stage(recipe: dict[str, Any], shared: Path):
    out = shared / "run"
    run_recipe(parse_recipe(recipe), out)
    found = metrics(out, "model")
    assert found["asked"] == 1 / 16 <= found["density"] < 0.2
    assert found["density"] == found["nonzero"] / found["kept_sparse"]
    assert found["tokens"] == 6 * 4 * 32
    assert found["validation_loss"] == found["last"]["validation"]
    assert found["validation_loss_programs"] != found["validation_loss"]
    assert [point["step"] for point in found["curve"]] == [1, 2, 3, 4, 5, 6]
    model = tapeout.load(out / "stages" / "model")
    assert model.fingerprint.weights == found["weights"]
    assert metrics(out, "corpus")["documents"]["train"] == 3
    assert tapeout.load(out / "stages" / "small").shape.family == "weight_sparse"
    page = write_report(out).read_text()
    assert "Trained models" in page and "nonzero" in page.lower()


def test_a_killed_training_goes_on(recipe: dict[str, Any], shared: Path, monkeypatch: Any):
    recipe["stages"] = {name: recipe["stages"][name] for name in ("corpus", "model")}
    recipe["stages"]["model"] |= {"seed": 1}
    whole, train = _sparse.train_sparse, []

    def killed(*args: Any, progress: Any, **options: Any) -> Any:
        def stop(done: int, total: int, **numbers: float) -> None:
            train.append(done)
            if done == 5:
                raise KeyboardInterrupt

        return whole(*args, progress=stop, **options)

    monkeypatch.setattr(_sparse, "train_sparse", killed)
    with pytest.raises(KeyboardInterrupt):
        run_recipe(parse_recipe(recipe), shared / "killed")
    monkeypatch.setattr(_sparse, "train_sparse", whole)
    events: list[int] = []
    run_recipe(
        parse_recipe(recipe),
        shared / "killed",
        lambda event, stage, **d: events.append(d["done"]) if event == "progress" else None,
    )
    assert train == [1, 2, 3, 4, 5] and events[0] == 5  # the last checkpoint is of step 4
    again = recipe | {"stages": {k: dict(v) for k, v in recipe["stages"].items()}}
    again["stages"]["model"]["save_every"] = 100
    run_recipe(parse_recipe(again), shared / "whole")
    one, two = (metrics(shared / name, "model") for name in ("killed", "whole"))
    assert one["weights"] == two["weights"] and one["curve"] == two["curve"]


def test_what_cannot_be_trained_is_told(recipe: dict[str, Any], shared: Path, tmp_path: Path):
    stages = recipe["stages"]
    recipe["stages"] = {name: stages[name] for name in ("corpus", "model")}
    stages["model"] |= {"bigrams": "odd"}
    with pytest.raises(ModelError, match="bigrams"):
        run_recipe(parse_recipe(recipe), shared / "odd")
    stages["corpus"] |= {"source": str(tmp_path)}
    with pytest.raises(CorpusError, match="no usable text"):
        run_recipe(parse_recipe(recipe), tmp_path / "run")
