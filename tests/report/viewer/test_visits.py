"""Pages of every kind of stage, gone through as a reader would; and pages that renew themselves."""

import os
from pathlib import Path
from typing import Any

import pytest
from browse_reports import visit

from tapeout.report import write_report
from tapeout.report._page import write_so_far

from ..test_hostile import everything
from .test_browser import a_run

RENEWED = "() => !window.old && document.documentElement.dataset.views"
RUNS = os.environ.get("TAPEOUT_RUNS", "").split(os.pathsep)


def test_a_page_of_every_kind_of_stage(browser: Any, tmp_path: Path):
    found = visit(browser, a_run(tmp_path, more=everything()["stages"]))
    assert found.said == []
    assert {"Overview", "Circuit", "Compare", "Train"} <= set(found.views)
    assert found.nodes >= 12 and found.edges >= 1 and found.files >= 9 and found.choices > 20


@pytest.mark.parametrize("run", [run for run in RUNS if run], ids=os.path.basename)
def test_the_page_of_a_real_run(browser: Any, run: str):
    """`TAPEOUT_RUNS=runs/one:runs/two pytest tests/report/viewer/test_visits.py`."""
    assert visit(browser, write_report(run)).said == []


def test_a_page_without_views(browser: Any, tmp_path: Path):
    (tmp_path / "results.json").write_text('{"schema_version": 1, "recipe": "a", "stages": {}}')
    found = visit(browser, write_report(tmp_path))
    assert found.views == ["Overview"] and found.said == []


def test_a_page_of_a_run_that_goes_on_renews_itself(opened: Any, tmp_path: Path):
    a_run(tmp_path)
    page = opened(write_so_far(tmp_path, renew=0.5), "#view=train")
    page.set_viewport_size({"width": 800, "height": 300})
    page.evaluate("() => { window.old = true; scrollTo(0, 150); }")
    page.wait_for_function(RENEWED, timeout=60_000)
    assert page.evaluate("scrollY") == 150
    assert page.get_by_role("tab", name="Train").get_attribute("aria-selected") == "true"
    page.get_by_role("button", name="Stop renewing").click()
    page.evaluate("() => { window.old = true; }")
    page.wait_for_timeout(3000)
    assert page.evaluate("window.old")
    write_report(tmp_path)
    page.get_by_role("button", name="Renew again").click()
    page.wait_for_function(RENEWED, timeout=60_000)
    assert page.get_by_role("button", name="Stop renewing").count() == 0
