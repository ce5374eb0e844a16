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
SIZE = {"width": 1280, "height": 860}


def main() -> None:
    overview, circuit = map(Path, sys.argv[1:])
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        keep(opened(page, overview), "overview.png")
        shown = opened(page, circuit, "#view=circuit")
        shown.locator("#view-circuit .list button[data-node]").first.click()
        shown.wait_for_timeout(500)
        keep(shown, "circuit.png")
        browser.close()


def opened(page: Any, run: Path, place: str = "") -> Any:
    page.goto("about:blank")
    page.goto(write_report(run).resolve().as_uri() + place)
    page.wait_for_function("document.documentElement.dataset.views === 'ready'")
    return page


def keep(page: Any, name: str) -> None:
    """With 128 colours, which is all that such a page has, and a third of the bytes."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(128).save(DOCS / name, optimize=True)


if __name__ == "__main__":
    main()
