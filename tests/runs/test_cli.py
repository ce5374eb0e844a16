import json
import shutil
import sys
from types import SimpleNamespace

import pytest

from tapeout import load
from tapeout.cli import _models, main
from tapeout.runs import parse_recipe


def run(monkeypatch, capsys, *arguments):
    """The exit code and what the command printed."""
    monkeypatch.setattr(sys, "argv", ["tapeout", *map(str, arguments)])
    code = 0
    try:
        main()
    except SystemExit as stop:
        code = stop.code or 0
    said = capsys.readouterr()
    return code, said.out + said.err


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def test_find_verify_extract(places, here, monkeypatch, capsys):
    code, text = run(
        monkeypatch, capsys, "find", places["model"], places["task"], "--out", "runs/w"
    )
    assert code == 0, text
    assert "tapeout verify runs/w" in text
    code, text = run(monkeypatch, capsys, "verify", "runs/w")
    assert code == 0 and "words/test" in text, text
    code, text = run(monkeypatch, capsys, "extract", "runs/w", "--to", "small")
    assert code == 0 and "extracted" in text, text
    load("small")
    assert not (here / "small" / "stage.json").exists()
    stages = json.loads((here / "runs/w/results.json").read_text())["stages"]
    assert {"proof", "small", "speed"} <= set(stages)
    assert (here / "runs/w/report.html").is_file()
    code, text = run(monkeypatch, capsys, "runs")
    assert code == 0 and "w" in text


def test_condition_then_verify(places, here, monkeypatch, capsys):
    quick = ["--channels", "50%", "--steps", "4", "--rank", "2", "--anchor", places["task"]]
    where = ["--out", "runs/c", "--to", "new"]
    asked = ["condition", places["model"], places["task"]]
    code, text = run(monkeypatch, capsys, *asked, *quick, *where)
    assert code == 0 and "tapeout verify runs/c" in text, text
    said = " ".join(text.split())  # a long path wraps the title
    assert "conditioned on" in said and (here / "new" / "change").is_dir()
    assert load("new").fingerprint != load(places["model"]).fingerprint
    code, text = run(monkeypatch, capsys, "verify", "runs/c")
    assert code == 0 and "zero replacement" in text, text
    code, text = run(monkeypatch, capsys, *asked, "--channels", "many")
    assert code == 2 and "write one such as 2%" in text


def test_a_circuit_folder_can_be_proved_elsewhere(places, here, monkeypatch, capsys):
    run(monkeypatch, capsys, "find", places["model"], places["task"], "--out", "runs/w")
    shutil.copytree(here / "runs/w/stages/circuit", here / "mine")
    code, text = run(monkeypatch, capsys, "verify", "mine", "--replacement", "counterfactual")
    assert code == 0 and "counterfactual" in text, text
    assert (here / "mine-proof" / "report.html").is_file()
    assert sorted(p.name for p in (here / "mine").iterdir()) == [
        "circuit.safetensors",
        "circuit_config.json",
        "stage.json",
    ]


def test_dry_run_writes_nothing(source, here, monkeypatch, capsys):
    (here / "r.yaml").write_text(json.dumps(source))
    code, text = run(monkeypatch, capsys, "run", "r.yaml", "--dry-run")
    assert code == 0 and "nothing was run" in text
    assert [p.name for p in here.iterdir()] == ["r.yaml"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("find", "smolm2", "ioi"), "did you mean 'smollm2'"),
        (("verify", "nowhere"), "neither a run"),
        (("run", "none.yaml"), "cannot read the recipe"),
        (("runs", "nowhere"), "there is no folder"),
    ],
)
def test_errors_are_one_line(here, monkeypatch, capsys, arguments, message):
    code, text = run(monkeypatch, capsys, *arguments)
    assert code == 2
    assert message in text.replace("\n", " ") and "Traceback" not in text


def test_lists(here, monkeypatch, capsys, places):
    assert "smollm2" in run(monkeypatch, capsys, "models")[1]
    assert "greater-than" in run(monkeypatch, capsys, "tasks")[1]
    assert "mlp.post_act" in run(monkeypatch, capsys, "models", places["model"])[1]
    code, text = run(monkeypatch, capsys, "tasks", places["model"], places["task"])
    assert code == 0 and "exact accuracy" in text, text


def test_train_asks_for_a_corpus_and_a_model(here, monkeypatch, capsys):
    made, asked = here / "made", []
    made.mkdir()
    for name in ("config.json", "stage.json"):
        (made / name).touch()

    def shown(recipe, folder):
        asked.append((parse_recipe(recipe).source["stages"], folder))
        return {"model": SimpleNamespace(folder=made)}

    monkeypatch.setattr(_models, "run_and_show", shown)
    arguments = ("train", here, "--density", "3%", "--layers", 1, "--to", "sparse")
    code, text = run(monkeypatch, capsys, *arguments)
    assert code == 0 and "tapeout find sparse single_double_quote" in text, text
    ((stages, folder),) = asked
    assert stages["corpus"]["source"] == str(here)
    assert stages["model"]["density"] == 0.03 and stages["model"]["layers"] == 1
    assert folder.name == f"sparse-{here.name}"
    assert [path.name for path in (here / "sparse").iterdir()] == ["config.json"]
    code, text = run(monkeypatch, capsys, "train", "--density", "much")
    assert code == 2 and "is not a share" in text
