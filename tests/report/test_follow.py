"""The page of a run that goes on."""

import json
from pathlib import Path

import pytest

from tapeout.errors import RunError
from tapeout.report import follow

from . import samples
from .samples import Page, stage
from .viewer.folders import Folder


def said(run: Path, *events: tuple[str, str], **details: float) -> None:
    with (run / "events.jsonl").open("a") as file:
        for event, name in events:
            file.write(json.dumps({"time": 1e9, "event": event, "stage": name} | details) + "\n")


def progress(run: Path, name: str, steps: range) -> None:
    for step in steps:
        said(run, ("progress", name), done=step, total=100, loss=1 / (1 + step))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose first stage is in the middle of its work."""
    recipe = {"name": "followed", "stages": {"model": {}, "task": {}}}
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    said(tmp_path, ("start", "model"))
    progress(tmp_path, "model", range(1, 4))
    return tmp_path


def page(run: Path) -> str:
    return Page((run / "report.html").read_text("utf-8")).text


def test_it_is_followed_from_its_first_stage_to_its_end(run: Path):
    seen: list[str] = []

    def wait(seconds: float) -> None:
        seen.append(page(run))
        if len(seen) == 1:
            progress(run, "model", range(4, 9))
        elif len(seen) == 2:
            folder = Folder(run)
            folder.stages = {"model": stage("train", samples.train()), "task": stage("task")}
            folder.write()
            said(run, ("done", "model"), ("start", "task"))
        else:
            said(run, ("done", "task"), ("ended", ""))

    opened: list[Path] = []
    assert follow(run, told=opened.append, wait=wait) == "ended"
    assert opened == [run / "report.html"] and len(seen) == 3
    assert "Running: model, step 3 of 100; 0 of 2 stages finished so far" in seen[0]
    assert "Tapeout reportfollowed" in seen[0] and "step 8 of 100" in seen[1]
    assert "Running: task; 2 of 2 stages" in seen[2] and "Trained models" in seen[2]
    assert "Running" not in page(run) and "renews itself" not in page(run)


def test_ctrl_c_leaves_a_page_that_does_not_renew_itself(run: Path):
    def wait(seconds: float) -> None:
        raise KeyboardInterrupt

    assert follow(run, wait=wait) == "stopped"
    assert "renews itself" not in page(run) and "No stage of this run has finished yet" in page(run)


def test_a_run_that_has_ended_is_shown_once(run: Path):
    said(run, ("failed", "model"), ("ended", ""))

    def wait(seconds: float) -> None:
        raise AssertionError("nothing is to be waited for")

    assert follow(run, wait=wait) == "ended"
    assert "renews itself" not in page(run)
    said(run, ("start", "model"))  # it is run again, and goes on
    assert follow(run, wait=lambda seconds: said(run, ("ended", ""))) == "ended"


@pytest.mark.parametrize("text", ["{", "[]", '{"stages": 3}', '{"stages": {"a": {"each": {}}}}'])
def test_a_recipe_whose_stages_cannot_be_counted(run: Path, text: str):
    (run / "recipe.json").write_text(text)
    seen: list[str] = []

    def wait(seconds: float) -> None:
        seen.append(page(run))
        said(run, ("ended", ""))

    follow(run, wait=wait)
    assert "0 stages finished so far" in seen[0]


def test_pages_that_take_long_are_written_less_often(run: Path, monkeypatch: pytest.MonkeyPatch):
    clock = iter(range(0, 1000, 7))
    monkeypatch.setattr("tapeout.report._follow.time.perf_counter", lambda: next(clock))
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        said(run, ("ended", ""))

    follow(run, seconds=2.0, wait=wait)
    assert waited == [pytest.approx(70)]


def test_there_must_be_a_run(tmp_path: Path):
    with pytest.raises(RunError, match="there is nothing to follow in"):
        follow(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_stages_side_by_side_and_none_of_a_killed_run(run: Path):
    said(run, ("start", "task"))
    progress(run, "task", range(1, 3))

    seen: list[str] = []

    def stop(seconds: float) -> None:
        seen.append(page(run))
        raise KeyboardInterrupt

    follow(run, wait=stop)
    said(run, ("began", ""), ("start", "task"))  # the first run was killed, the recipe changed
    follow(run, wait=stop)
    assert "Running: model, step 3 of 100; task, step 2 of 100; 0 of 2" in seen[0]
    assert "Running: task; 0 of 2" in seen[1]
