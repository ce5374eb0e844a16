"""A browser for the tests of pages; they are skipped where there is none."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

from browse_reports import CHROMIUM, launched, listened, ready


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("there is no chromium")
    with launched() as found:
        yield found


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page; afterwards it must have said nothing to the console and asked for nothing."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    page = context.new_page()
    said: list[str] = []
    listened(page, said)

    def open_at(path: Path, place: str = "") -> Any:
        assert ready(page, path.as_uri() + place) == "ready"
        return page

    yield open_at
    context.close()
    assert said == []
