"""Going through a page in a browser as a reader would: every view, its choices, its files.

    python benchmarks/browse_reports.py runs/*

writes the report of every run anew, goes through it from `file://` with no network, and prints one
line a page; it ends with 1 if a page said anything to the console, asked for anything, or ran wider
than the screen. With `--screenshots FOLDER` it leaves pictures of every view at both widths, light
and dark.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
STARTS = {"SVG": b"<svg", "PNG": b"\x89PNG", "CSV": b""}
MOST_CHOICES = 4
MOST_NODES = 4
WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
PATIENCE = 120_000
"""Milliseconds that a page may take where machines are busy."""


@dataclass
class Visit:
    """What was done on a page, and what it said that it should not."""

    views: list[str] = field(default_factory=list)
    nodes: int = 0
    edges: int = 0
    choices: int = 0
    files: int = 0
    said: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        done = f"{self.nodes} nodes, {self.edges} edges, {self.choices} choices, {self.files} files"
        return f"{', '.join(self.views)}; {done}; {'; '.join(self.said) or 'nothing said'}"


@contextmanager
def launched() -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def listened(page: Any, said: list[str]) -> None:
    """Everything that a page must not do goes into a list."""
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(f"dialog {dialog.message}"))
    page.on("request", lambda request: said.append(request.url) if ":" in request.url[5:] else None)


def ready(page: Any, address: str) -> str:
    """Open an address, and wait until its views are there; returns how that went."""
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_function(
        "() => document.documentElement.dataset.views || !document.getElementById('tapeout-data')",
        timeout=PATIENCE,
    )
    return page.evaluate("document.documentElement.dataset.views || 'none'")


def visit(browser: Any, path: Path) -> Visit:
    """Open every view of a page; choose, click, save."""
    from playwright.sync_api import Error

    found = Visit()
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    page = context.new_page()
    listened(page, found.said)
    if ready(page, path.resolve().as_uri()) == "broken":
        found.said.append("the views are broken")
    try:
        _all_of(page, found)
    except Error as error:
        found.said.append(str(error).splitlines()[0])
    context.close()
    return found


def _all_of(page: Any, found: Visit) -> None:
    names = page.get_by_role("tab").all_inner_texts()
    found.views = names or ["Overview"]
    for name in found.views:
        if names:
            page.get_by_role("tab", name=name).click()
        panel = page.locator("main" if name == "Overview" else f"#view-{name.lower()}")
        _opened(panel)
        found.choices += _chosen(panel)
        if name == "Circuit":
            _clicked(page, panel, found)
        if name != "Overview":
            found.files += _saved(page, panel, found.said)
        _narrow_enough(page, name, found.said)


def _opened(panel: Any) -> None:
    for summary in panel.locator("summary").all():
        if summary.is_visible():
            summary.click()


def _chosen(panel: Any) -> int:
    """Every choice of every list, each list left at its first; a list may make others anew."""
    count = 0
    for place in range(panel.get_by_role("combobox").count()):
        box = panel.get_by_role("combobox").nth(place)
        if place >= panel.get_by_role("combobox").count() or not box.is_visible():
            continue
        values = box.locator("option").evaluate_all("all => all.map(one => one.value)")
        for value in [*values[1:MOST_CHOICES], *values[:1]]:
            panel.get_by_role("combobox").nth(place).select_option(value=value)
            count += 1
    return count


def _clicked(page: Any, panel: Any, found: Visit) -> None:
    """Nodes of every circuit, from its list and by key, and edges where the picture has them."""
    circuits = panel.get_by_role("combobox", name="Circuit", exact=True)
    values = circuits.locator("option").evaluate_all("all => all.map(one => one.value)")
    for value in values[: 2 * MOST_CHOICES]:
        panel.get_by_role("combobox", name="Circuit", exact=True).select_option(value=value)
        nodes = panel.locator(".list button[data-node]")
        count = nodes.count()
        for place in sorted({0, count // 2, count - 1, min(1, count - 1)})[:MOST_NODES]:
            nodes.nth(place).click()
            name = nodes.nth(place).get_attribute("data-node")
            if panel.locator(".facts h3").inner_text() != name:
                found.said.append(f"{value}: {name} was clicked and is not shown")
            found.choices += _chosen(panel.locator(".facts"))
            _opened(panel.locator(".facts"))
            found.nodes += 1
        found.edges += _an_edge(page, panel)


def _an_edge(page: Any, panel: Any) -> int:
    """Click on the picture until an edge is hit; few places are enough where there are edges."""
    canvas = panel.locator("canvas.board")
    box = canvas.bounding_box()
    for across in range(10, 95, 9):
        for down in (0.3, 0.45, 0.6, 0.75):
            canvas.click(position={"x": box["width"] * across / 100, "y": box["height"] * down})
            title = panel.locator(".facts h3")
            if title.count() and title.inner_text() == "An edge":
                return 1
    return 0


def _saved(page: Any, panel: Any, said: list[str]) -> int:
    """The first file of each kind in a view, looked into."""
    count = 0
    for kind, start in STARTS.items():
        buttons = panel.get_by_role("button", name=f"as {kind}")
        if not buttons.count():
            continue
        with page.expect_download(timeout=PATIENCE) as waiting:
            buttons.first.click()
        content = Path(waiting.value.path()).read_bytes()
        name = waiting.value.suggested_filename
        if not content.startswith(start) or not content or not name.endswith(kind.lower()):
            said.append(f"{name} is no {kind}")
        count += 1
    return count


def _narrow_enough(page: Any, name: str, said: list[str]) -> None:
    wide, screen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    if wide > screen:
        said.append(f"{name} is {wide} wide on a screen of {screen}")


def pictures(browser: Any, path: Path, folder: Path, name: str) -> list[str]:
    """Every view at both widths, light and dark; returns what is wider than its screen."""
    said: list[str] = []
    for scheme in SCHEMES:
        for width in WIDTHS:
            context = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme
            )
            page = context.new_page()
            ready(page, path.resolve().as_uri())
            for tab in page.get_by_role("tab").all_inner_texts() or ["Overview"]:
                if page.get_by_role("tab").count():
                    page.get_by_role("tab", name=tab).click()
                if tab == "Circuit":
                    page.locator(".list button[data-node]").first.click()
                page.wait_for_timeout(300)
                _narrow_enough(page, f"{tab} at {width}", said)
                shown = f"{name}-{tab.lower()}-{scheme}-{width}.png"
                page.screenshot(path=folder / shown, full_page=True)
            context.close()
    return said


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--screenshots", type=Path)
    asked = parser.parse_args()
    if not CHROMIUM:
        sys.exit("there is no chromium here; its path can be given in CHROMIUM")

    from tapeout.report import write_report

    wrong = 0
    with launched() as browser:
        for run in asked.runs:
            if not (run / "results.json").is_file():
                continue
            began = time.perf_counter()
            page = write_report(run)
            wrote = time.perf_counter() - began
            found = visit(browser, page)
            if asked.screenshots:
                asked.screenshots.mkdir(parents=True, exist_ok=True)
                found.said += pictures(browser, page, asked.screenshots, run.name)
            size = page.stat().st_size / 1e6
            print(f"{run}: {size:.2f} MB, written in {wrote:.1f} s; {found}", flush=True)
            wrong += bool(found.said)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
