"""Views of conditioning, amplification and decomposition in a browser, with no network."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from browse_reports import visit

from tapeout.circuits import Universe
from tapeout.report import write_report

from ..test_hostile import renamed
from . import made
from .folders import UNIVERSE, Folder, shape
from .pages import saved, tab
from .test_hostile_views import ARABIC, HIDDEN, LOOSE, NAMES

VIEWS = ("Conditioning", "Amplify", "Decompose")


def a_run(root: Path, texts: list[str] | None = None) -> Path:
    folder = Folder(root)
    made.conditioned(folder)
    made.amplified(folder, texts or ["one plus one", "two plus two"])
    made.decomposed(folder)
    circuit = folder.nodes("some", Universe.of(shape(), UNIVERSE), share=0.4)
    circuit.save(folder.place("components"))
    return write_report(folder.write())


def told(view: Any, place: int = 0) -> str:
    """What a picture's line says, without the isolates around names."""
    return re.sub("[\u2068\u2069]", "", view.locator(".told").nth(place).inner_text())


def point(view: Any, selector: str) -> None:
    """The pointer over a mark, wherever the page has to be scrolled to."""
    view.locator(selector).first.scroll_into_view_if_needed()
    box = view.locator(selector).first.bounding_box()
    view.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_conditioning(opened: Any, tmp_path: Path):
    page = opened(a_run(tmp_path))
    view = tab(page, "Conditioning")
    assert view.locator("h3").all_inner_texts() == [
        "Sizes of circuits, model by model",
        "Merge scales",
        "Where the MLPs’ activity lands",
        "Masks across model states",
    ]
    sizes = [row.split() for row in view.locator("tbody").first.inner_text().splitlines()]
    assert ["hard", "25.0%", "25", "0.0%"] in sizes
    point(view, "svg circle >> nth=1")
    assert re.search(r"base.*: 25 nodes \(25.0%\), 95.0% \[", told(view))
    view.locator("svg").first.press("ArrowLeft")
    assert "10 nodes (10.0%), 20.0%" in told(view)
    view.get_by_label("Across").select_option(value="size")
    assert "nodes kept" in view.locator("svg").first.inner_html()
    # the scales that were swept come first
    assert view.get_by_label("Conditioned model").input_value() == "hard"
    view.get_by_label("Answers").select_option(value="carry: one")
    view.get_by_label("Activity as").select_option(value="write")
    matrix = view.locator("svg").last
    matrix.press("ArrowRight")
    assert "before (25 nodes) in before: 90.0% accuracy" in told(view, 4)
    matrix.press("ArrowRight")
    view.get_by_label("Cells").select_option(value="above")
    assert "87.5%" in matrix.inner_html()
    assert page.evaluate("location.hash").count("=") == 5


def test_pairs_are_read_one_by_one(opened: Any, tmp_path: Path):
    page = opened(a_run(tmp_path))
    view = tab(page, "Amplify")
    pair = view.locator("article.pair")
    assert "0: one plus one?" in pair.inner_text() and "ends right" in pair.inner_text()
    assert pair.locator("mark").inner_text() == " 4"
    assert pair.locator("code.right").inner_text() == "␣5"
    pair.press("n")
    assert pair.locator("code.right").inner_text() == "␣4" and "2 of 5" in pair.inner_text()
    assert pair.evaluate("own => own === document.activeElement")
    view.get_by_role("button", name="Next").click()
    assert "2: one plus one?" in pair.inner_text()
    view.get_by_role("combobox", name="Show").select_option(value="wrong")
    assert "1 of 2" in pair.inner_text() and "1: two plus two?" in pair.inner_text()
    view.locator(".list button, table button[aria-pressed]").nth(1).click()
    again = opened(tmp_path / "report.html", page.evaluate("location.hash"))
    assert "3: two plus two?" in again.locator("article.pair").inner_text()


def test_components_and_arms(opened: Any, tmp_path: Path):
    page = opened(a_run(tmp_path), "#view=amplify")
    view = page.locator("#view-amplify")
    charts = view.locator("svg")
    charts.nth(0).press("ArrowDown")
    assert "layer 0: 20 of 46 MLP channels" in told(view, 0)
    charts.nth(1).press("ArrowDown")
    charts.nth(1).press("ArrowDown")
    words = told(view, 1)
    assert words.startswith("better solves, update of components: 65.0% [")
    charts.nth(2).press("ArrowDown")
    assert "+15.0 points" in told(view, 2) and "p = 0.0300" in told(view, 2)
    view.get_by_role("button", name="Open in the Circuit view").click()
    assert page.get_by_role("combobox", name="Circuit").input_value() == "components"


def test_directions(opened: Any, tmp_path: Path):
    page = opened(a_run(tmp_path), "#view=decompose")
    view = page.locator("#view-decompose")
    rows = view.locator("button[data-direction]")
    assert rows.first.inner_text() == "0" and rows.count() == 25
    view.get_by_role("button", name="Effect ratio").click()
    assert [rows.nth(n).inner_text() for n in (0, 1, 2)] == ["3", "17", "0"]
    view.get_by_role("button", name="Effect ratio").click()
    assert rows.first.inner_text() == "17"
    assert view.locator("th[aria-sort=ascending]").inner_text().startswith("Effect ratio")
    rows.first.click()
    facts = view.locator("article.direction")
    assert facts.locator("mark").inner_text() == " <b>" and "␣the" in facts.inner_text()
    assert "Predictions change by 0.0200 nats" in facts.inner_text()
    facts.locator("svg").first.press("ArrowRight")
    assert "where it is active, weights moved by" in told(facts)
    assert view.locator(".images figure").count() == len(made.SHAPES)
    assert "largest entry of 3 × 1" in view.inner_text()
    facts.press("n")
    assert (
        facts.locator("h4").first.inner_text() == "Direction 3" and "No texts" in facts.inner_text()
    )
    images = view.locator(".images svg")
    images.nth(1).press("ArrowRight")
    assert re.search(r"row 0, column 0: ", view.locator(".images .told").nth(1).inner_text())
    view.get_by_role("button", name="Next").click()
    assert rows.count() == 5
    again = opened(tmp_path / "report.html", page.evaluate("location.hash"))
    assert again.locator("article.direction h4").first.inner_text() == "Direction 3"
    assert again.locator("button[data-direction]").count() == 5


def test_exports(opened: Any, tmp_path: Path):
    page = opened(a_run(tmp_path))
    starts = {
        "Conditioning": b"Model,Stage",
        "Amplify": b"Problem,Q",
        "Decompose": b"Direction,Act",
    }
    for name, start in starts.items():
        view = tab(page, name)
        for kind in ("svg", "png"):
            saved(page, view, kind, tmp_path)
        assert saved(page, view, "csv", tmp_path).startswith(start)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out(browser: Any, tmp_path: Path, width: int, scheme: str):
    path = a_run(tmp_path, ["word " * 200, "x" * 3000])
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    for view in map(str.lower, VIEWS):
        page.goto(f"{path.as_uri()}#view={view}")
        page.reload()
        page.wait_for_function("document.documentElement.dataset.views == 'ready'")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=f"{folder}/{view}-{scheme}-{width}.png", full_page=True)
    context.close()


def hostile_run(root: Path, names: list[str]) -> Path:
    """A run of these views in which every text that others choose is foreign, or one of these."""
    folder = Folder(root, recipe=names[0])
    made.conditioned(folder)
    made.amplified(folder, names, pairs=len(names))
    made.decomposed(folder)
    stages = {}
    for old, found in folder.stages.items():
        new = f"{old} {ARABIC}"
        if (root / "stages" / old).is_dir():
            (root / "stages" / old).rename(root / "stages" / new)
        inputs = {key: f"{value} {ARABIC}" for key, value in found.get("inputs", {}).items()}
        stages[new] = renamed(found, ARABIC) | {"inputs": inputs}
    example = stages[f"compared {ARABIC}"]["metrics"]["examples"][0]
    example["contexts"] += [{"before": n, "token": n, "after": n, "impact": 1.0} for n in names]
    example["up"] = [{"token": name, "slope": 1.0} for name in names]
    folder.stages = stages
    return write_report(folder.write())


def test_hostile_texts_are_text(opened: Any, tmp_path: Path):
    page = opened(hostile_run(tmp_path, [ARABIC, *NAMES]), "#view=amplify")
    views = {name.lower(): page.locator(f"#view-{name.lower()}") for name in VIEWS}
    for _ in NAMES:
        views["amplify"].get_by_role("button", name="Next ›").click()
        assert page.evaluate(LOOSE) == [] and not page.evaluate(HIDDEN)
    assert "onerror=alert(1)" in views["amplify"].inner_text()
    shown = tab(page, "Decompose")
    shown.get_by_role("button", name="On new text").click()
    assert "<script>alert(1)</script>" in shown.locator("article.direction").inner_text()
    assert page.evaluate(LOOSE) == [] and not page.evaluate(HIDDEN)
    for chart in tab(page, "Conditioning").locator("svg").all():
        chart.press("ArrowRight")
    assert page.evaluate(LOOSE) == [] and not page.evaluate(HIDDEN)
    for name, view in views.items():
        assert ARABIC in view.evaluate("one => one.textContent"), name
        for element in ("script", "img", "iframe", "link", "style", "a", "h1"):
            assert view.locator(element).count() == 0


def test_every_choice_and_every_kind_of_file(browser: Any, tmp_path: Path):
    for root in (a_run(tmp_path / "plain"), hostile_run(tmp_path / "hostile", NAMES)):
        found = visit(browser, root)
        assert found.said == [] and set(VIEWS) <= set(found.views)
        assert found.files >= 9 and found.choices > 10
