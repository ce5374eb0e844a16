"""Problems that models reason about, on the page."""

from pathlib import Path
from typing import Any

from .samples import Page, page_of, stage


def problems(**config: Any) -> dict[str, Any]:
    metrics = {
        "task": "word-problems",
        "config": {"name": "word-problems", "templates": None, "seed": 0} | config,
        "sizes": {"train": 3120, "test": 1040},
        "templates": 52,
        "prompt": "Q: Ann has 8 figs.\nA:",
        "solution": "The final answer is <b>8</b>.",
    }
    return stage("problems", metrics)


def test_one_of_them_is_shown(tmp_path: Path) -> None:
    text = Page(page_of(tmp_path, {"asked": problems()})).text
    assert "train 3,120, test 1,040" in text and "Templates52" in text and "templates=" not in text
    assert "Q: Ann has 8 figs.⏎A:" in text and "The final answer is <b>8</b>." in text
    assert "Other results" not in text


def test_divisions_of_one_task_are_told_once(tmp_path: Path) -> None:
    seeds = {f"asked-{seed}": problems(seed=seed) for seed in range(3)}
    text = Page(page_of(tmp_path, seeds)).text
    assert text.count("One of them") == 1 and "asked-0, asked-1, asked-2" in text
    text = Page(page_of(tmp_path, seeds | {"harder": problems(steps=[4])})).text
    assert text.count("One of them") == 2


def test_older_results_show_none(tmp_path: Path) -> None:
    older = problems()
    for key in ("templates", "prompt", "solution"):
        del older["metrics"][key]
    assert "One of them–" in Page(page_of(tmp_path, {"asked": older})).text
