"""What the page says of amplification: pairs of traces, components, arms."""

from pathlib import Path

import pytest

from tapeout.report import write_report
from tapeout.report._results import read_results
from tapeout.report.viewer import _amplify
from tapeout.report.viewer._amplify import amplified

from .. import samples
from ..samples import Json, share, stage
from . import made
from .folders import Folder


def tree_of(folder: Folder) -> tuple[Json, list[str]]:
    notes: list[str] = []
    run = folder.write()
    found = amplified(read_results(run), run, notes)
    assert found is not None
    return found, notes


def test_pairs_keep_their_lines_and_are_clean(tmp_path: Path):
    folder = Folder(tmp_path)
    made.amplified(folder, ["one\ntwo\u202e", "three"], pairs=2)
    tree, notes = tree_of(folder)
    (pairs,) = tree["pairs"]
    first, second = pairs["rows"]
    assert first["before"] == "one\ntwo\\u202e so " and first["after"] == "\nis it."
    assert first["greedy_right"] and not second["greedy_right"]
    assert second["question"] == "1: three?" and second["problem"] == "of 1 1" and not notes


def test_long_texts_and_many_pairs_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_amplify, "MOST_PAIRS", 3)
    monkeypatch.setattr(_amplify, "LONGEST", 50)
    folder = Folder(tmp_path)
    made.amplified(folder, ["word " * 40], pairs=5)
    tree, (note,) = tree_of(folder)
    (pairs,) = tree["pairs"]
    assert pairs["n"] == 5 and len(pairs["rows"]) == 3
    assert pairs["rows"][0]["before"] == "word " * 10 + "…"
    assert note == "pivots: the texts of 2 of 5 pairs, the last ones"


@pytest.mark.parametrize("text", ['{"before": "a"}', "torn", "[]"])
def test_damaged_texts_are_said(text: str, tmp_path: Path):
    folder = Folder(tmp_path)
    made.amplified(folder, ["one"])
    (folder.place("pivots") / "texts.jsonl").write_text(text)
    tree, (note,) = tree_of(folder)
    assert tree["pairs"][0]["rows"] == [] and note.startswith("pivots: the texts of its pairs (")
    assert "tapeout-data" in write_report(tmp_path).read_text()


def test_runs_without_texts_have_the_rest(tmp_path: Path):
    folder = Folder(tmp_path)
    made.amplified(folder, ["one"])
    (folder.place("pivots") / "texts.jsonl").unlink()
    tree, notes = tree_of(folder)
    assert tree["pairs"][0]["rows"] == [] and tree["pairs"][0]["n"] == 5 and not notes


def test_components_are_counted_by_layer_and_kind(tmp_path: Path):
    folder = Folder(tmp_path)
    made.amplified(folder, ["one"])
    ((chosen,), _) = tree_of(folder)[0]["chosen"], None
    assert chosen["rows"][0] == [0, "mlp.post_act:channel", 20, 46]
    assert chosen["rise"] == [1.0, 0.5, 1.5] and chosen["n"] == 12


def test_arms_stand_beside_their_base(tmp_path: Path):
    folder = Folder(tmp_path)
    made.amplified(folder, ["one"])
    before, better, every = tree_of(folder)[0]["arms"]
    assert before["against"] == "" and before["gain"] is None and better["against"] == "before"
    assert better["kind"] == "amplify" and better["circuit"] == "components"
    assert every["circuit"] == "" and every["gain"][0] == 0.05
    assert better["accuracy"] == [share(26, 40)[key] for key in ("value", "low", "high")]


def test_one_model_that_solves_problems_is_no_amplification(tmp_path: Path):
    folder = Folder(tmp_path)
    accuracy = {"accuracy": samples.share(1, 2), "answered": samples.share(1, 2)}
    folder.stages["solves"] = stage("solve", {"split": "p/test"} | accuracy)
    assert amplified(read_results(folder.write()), tmp_path, []) is None
