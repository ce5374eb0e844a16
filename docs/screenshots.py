"""The two pictures of the README, of the pages of finished runs.

tapeout run recipes/adder.yaml
tapeout run recipes/sparse-2min.yaml
python docs/screenshots.py runs/adder runs/sparse-2min

Needs playwright and a chromium on the path (or CHROMIUM=...), and Pillow, which comes with
matplotlib.
"""

import io
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from tapeout.report import write_report

DOCS = Path(__file__).parent
TALL, WIDE = {"width": 820, "height": 944}, {"width": 1280, "height": 880}
DEAREST = """() => [...document.querySelectorAll('#view-circuit .list tbody tr')]
    .map(row => [parseFloat(row.cells[2].textContent), row.querySelector('button')])
    .sort((one, other) => other[0] - one[0])[0][1].click()"""
"""Clicks the node without which the circuit loses most."""


def main() -> None:
    overview, circuit = map(Path, sys.argv[1:])
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        keep(opened(browser, TALL, overview), "overview.png")
        page = opened(browser, WIDE, circuit, "#view=circuit")
        page.evaluate(DEAREST)
        page.wait_for_timeout(500)
        page.evaluate("window.scrollTo(0, 0)")
        keep(page, "circuit.png")
        browser.close()


def opened(browser: Any, size: dict[str, int], run: Path, place: str = "") -> Any:
    page = browser.new_page(viewport=size, color_scheme="light", device_scale_factor=1.25)
    page.goto(write_report(run).resolve().as_uri() + place)
    page.wait_for_function("document.documentElement.dataset.views")
    return page


def keep(page: Any, name: str) -> None:
    """With 128 colours, which is all that such a page has, and a third of the bytes."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(128).save(DOCS / name, optimize=True)


if __name__ == "__main__":
    main()
