"""Circuits in other models, put together, and by regime, on the page and in the terminal."""

from pathlib import Path

import pytest

from tapeout.errors import RunError
from tapeout.report import tables_of

from . import samples
from .samples import Page, page_of, stage
from .test_terminal import drawn, line

STAGES = {
    "carried": stage("transfer", samples.transfer()),
    "composed": stage("compose", samples.compose()),
    "routed": stage("route", samples.route()),
}


def test_in_the_terminal() -> None:
    text = drawn(*tables_of(STAGES), width=120)
    assert (
        line(text, "before").split()[-5:]
        == ["before", "25", "90.0%", "(2.5%)", "10.0%", "(2.5%)"][-5:]
    )
    assert line(text, "by step, in turns").split()[4:7] == ["35", "30.0%", "75.0%"]
    assert line(text, "digit-0").split()[1:4] == ["10", "10.0%", "95.0%"]
    assert line(text, "full cascade").split()[2:4] == ["20", "60.0%"]


def test_on_the_page(tmp_path: Path) -> None:
    page = Page(page_of(tmp_path, STAGES))
    for title in ("Circuits in other models", "Circuits put together", "Masks by regime"):
        assert title in page.text
    assert "zero replacement" in page.text and "addition/test, n = 40" in page.text
    levels = [f["class"] for name, f in page.elements if "heat" in f.get("class", "")]
    assert levels == ["heat h4", "heat h0", "heat h0", "heat h4"]
    assert "Other results" not in page.text
    regimes = Page(page_of(tmp_path, {"routed": STAGES["routed"]})).text
    assert "Nodes" in regimes and "Share" not in regimes
    assert "full cascade2060.0%38.7–78.1%20" in regimes  # nodes, accuracy, interval, n


def test_damage_is_told() -> None:
    for kind in ("transfer", "compose", "route"):
        with pytest.raises(RunError, match="metrics"):
            tables_of({"odd": stage(kind, {"split": "x", "n": 3})})
