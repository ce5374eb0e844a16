import json
import webbrowser
from pathlib import Path

import pytest

from ..runs.test_cli import run

STAGES = {"schema_version": 1, "recipe": "some", "stages": {}}


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run without stages, in a folder `runs`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    folder = tmp_path / "runs" / "some"
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(STAGES))
    return folder


@pytest.mark.parametrize("name", ["some", "runs/some"])
def test_a_page_by_the_name_or_the_folder_of_a_run(made, monkeypatch, capsys, name):
    code, text = run(monkeypatch, capsys, "report", name)
    assert code == 0 and "report.html" in text
    assert "<title>" in (made / "report.html").read_text()


def test_a_comparison_has_a_page_of_its_own(made, monkeypatch, capsys):
    kept = {"name": "some", "rows": [], "unreached": {"a.b.0": "too hard"}}
    (made / "comparison.json").write_text(json.dumps(kept))
    code, text = run(monkeypatch, capsys, "report", "some")
    assert code == 0 and "comparison.html" in text
    assert "too hard" in (made / "comparison.html").read_text()
    (made / "comparison.json").write_text("{")
    code, text = run(monkeypatch, capsys, "report", "some")
    assert code == 2 and "compare again" in text


def test_a_folder_without_results_is_no_run(made, monkeypatch, capsys):
    for command in ("report", "view"):
        code, text = run(monkeypatch, capsys, command, "other")
        assert code == 2 and "there is no run other" in text and "tapeout runs" in text


@pytest.mark.parametrize("works", [True, False])
def test_view_opens_the_page(made, monkeypatch, capsys, works):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda place: opened.append(place) or works)
    code, text = run(monkeypatch, capsys, "view", "some")
    page = made / "report.html"
    assert code == 0 and page.is_file()
    assert opened == [page.resolve().as_uri()]
    assert ("no browser" in text) == (not works)


def test_following_a_run_that_has_just_ended(made, monkeypatch, capsys):
    (made / "events.jsonl").write_text('{"event": "ended", "stage": ""}\n')
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda place: opened.append(place) or True)
    code, text = run(monkeypatch, capsys, "view", "some", "--follow")
    page = made / "report.html"
    assert code == 0 and "Ctrl-C stops that" in text and "the run has ended" in text
    assert opened == [f"{page.resolve().as_uri()}#view=train"]
    assert "renews itself" not in page.read_text().partition("<script")[0]


def test_there_must_be_a_run_to_follow(made, monkeypatch, capsys):
    code, text = run(monkeypatch, capsys, "view", "other", "--follow")
    assert code == 2 and "there is no run other" in text and "events.jsonl" in text
