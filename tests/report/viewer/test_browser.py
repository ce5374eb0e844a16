"""Every view of the page in a browser, opened from a file with no network."""

import os
from pathlib import Path
from typing import Any

import pytest

from tapeout.circuits import SPARSE_NODES, Universe
from tapeout.report import write_report

from .. import samples
from ..samples import Json, stage
from .folders import UNIVERSE, Folder, shape
from .pages import tab


def a_run(root: Path, words: list[str] | None = None, more: Json | None = None) -> Path:
    """A run with circuits of all kinds, and more stages."""
    folder = Folder(root)
    folder.stages |= more or {}
    words = words or ["one", "two"]
    universe = Universe.of(shape(), UNIVERSE)
    circuit = folder.nodes("first", universe, share=0.4, seed=1)
    folder.activations("held", circuit, 5, words)
    folder.nodes("second", universe, share=0.3, seed=2)
    sparse = Universe.of(shape(family="weight_sparse"), SPARSE_NODES)
    folder.activations("held too", folder.nodes("sparse", sparse, share=1.0, seed=3), 5, words)
    about = {"inputs": {"circuit": "sparse"}}
    folder.stages["wired"] = stage("weight_edges", samples.weight_edges(), **about)
    folder.stages["checked"] = stage("checks", samples.checks(), **about)
    folder.edges("edges", shape(), share=0.5)
    folder.stages["trained"] = stage("train", samples.train())
    return write_report(folder.write())


def test_every_view(opened: Any, tmp_path: Path):
    page = opened(a_run(tmp_path))
    assert page.get_by_role("tab").all_inner_texts() == ["Overview", "Circuit", "Compare", "Train"]
    assert page.locator("main h1").is_visible()
    view = tab(page, "Circuit")
    assert page.locator("main").is_hidden()
    for name in ("second", "sparse", "edges", "first"):
        view.get_by_role("combobox", name="Circuit").select_option(value=name)
        assert name in view.locator(".about").inner_text()
        view.locator("canvas").focus()
        page.keyboard.press("n")
        node = view.locator(".facts h3").inner_text()
        assert view.locator(".list button[aria-pressed=true]").inner_text() == node
        for key in ("p", "+", "-", "0", "ArrowLeft", "Escape"):
            page.keyboard.press(key)
        assert view.locator(".facts h3").count() == 0
    compare = tab(page, "Compare")
    assert "A & B" in compare.locator(".result").inner_text()
    compare.get_by_label("Set expression").fill("A &")
    compare.get_by_label("Set expression").press("Enter")
    assert "This is no set" in compare.locator(".result").inner_text()
    train = tab(page, "Train")
    train.get_by_label("Scale").select_option(value="linear")
    assert train.locator("svg path").count() > 3
    page.get_by_role("tab", name="Train").press("ArrowRight")
    assert page.locator("main").is_visible()


def test_a_node_shows_all_that_is_known_of_it(opened: Any, tmp_path: Path):
    page = opened(a_run(tmp_path), "#view=circuit&circuit=first")
    view = page.locator("#view-circuit")
    view.locator(".list button[data-node]").first.click()
    text = view.locator(".facts").inner_text()
    for words in ("Site", "Layer", "rank 1 of", "The same node in all circuits", "second"):
        assert words in text
    assert "Activation at the answer position" in text and "percentile" in text.lower()
    assert view.locator(".facts mark").count() >= 7
    page = opened(tmp_path / "report.html", "#view=circuit&circuit=sparse&node=0.mlp.post_act.7")
    text = page.locator(".facts").inner_text()
    assert "Reads from" in text and "Writes to" in text and "0.mlp.act_in.1" in text
    page.locator(".facts button", has_text="0.mlp.act_in.1").click()
    assert page.locator(".facts h3").inner_text() == "0.mlp.act_in.1"
    opened(tmp_path / "report.html", "#view=circuit&circuit=sparse&node=0.attn.q.5")
    assert "Rise of the loss without this node alone" in page.locator(".facts").inner_text()


def test_a_node_is_shown_token_by_token_with_its_heads(opened: Any, tmp_path: Path):
    page = opened(a_run(tmp_path), "#view=circuit&circuit=sparse&node=1.attn.q.9")
    facts = page.locator("#view-circuit .facts")
    strips = facts.locator(".tokens svg")
    assert strips.count() == 3 and strips.first.locator("rect").count() >= 6
    assert "two" in strips.first.text_content() and "/other" in strips.last.text_content()
    maps = facts.locator(".map figcaption")
    assert [text.split(":")[0] for text in maps.all_inner_texts()] == [
        "Attention of head 1.1, prompt",
        "Channel 9 alone, prompt",
    ]
    assert facts.locator(".map").first.locator("rect").count() > 21
    before = strips.first.locator("title").all_text_contents()
    facts.get_by_role("combobox", name="Pair").select_option(value="1")
    assert facts.locator(".tokens title").all_text_contents()[: len(before)] != before
    assert "2 tokens before are left out" in facts.inner_text()
    facts.get_by_role("combobox", name="Between").select_option(value="2")
    assert "their difference" in maps.first.inner_text()
    assert "side=2" in page.evaluate("location.hash")
    opened(tmp_path / "report.html", "#view=circuit&circuit=sparse&node=1.mlp.post_act.3")
    assert facts.locator(".tokens svg").count() == 3 and facts.locator(".map").count() == 0


def test_a_click_chooses_a_node_and_an_edge(opened: Any, tmp_path: Path):
    page = opened(a_run(tmp_path), "#view=circuit&circuit=sparse")
    canvas = page.locator("canvas")
    box = canvas.bounding_box()
    found = set()
    for across in range(8, 100, 2):
        for down in (0.2, 0.35, 0.5, 0.65, 0.8):
            canvas.click(position={"x": box["width"] * across / 100, "y": box["height"] * down})
            if page.locator(".facts h3").count():
                found.add(page.locator(".facts h3").inner_text() == "An edge")
        if found == {True, False}:
            break
    assert found == {True, False}


def test_a_link_restores_the_view(opened: Any, tmp_path: Path):
    path = a_run(tmp_path)
    page = opened(path)
    tab(page, "Circuit")
    page.get_by_role("combobox", name="Circuit").select_option(value="second")
    page.locator("#view-circuit .list button[data-node]").nth(3).click()
    node, place = page.locator(".facts h3").inner_text(), page.evaluate("location.hash")
    page.goto("about:blank")
    again = opened(path, place)
    assert again.locator(".facts h3").inner_text() == node
    assert again.get_by_role("combobox", name="Circuit").input_value() == "second"


def test_exports(opened: Any, tmp_path: Path):
    page = opened(a_run(tmp_path))
    starts = {"svg": b"<svg", "png": b"\x89PNG", "csv": b"Node,Score"}
    view = tab(page, "Circuit")
    for kind, start in starts.items():
        with page.expect_download() as waiting:
            view.get_by_role("button", name=f"as {kind.upper()}").first.click()
        saved = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(saved)
        assert saved.suffix == f".{kind}" and saved.read_bytes().startswith(start)
    for name in ("Compare", "Train"):
        for kind in starts:
            with page.expect_download() as waiting:
                tab(page, name).get_by_role("button", name=f"as {kind.upper()}").first.click()
            assert waiting.value.suggested_filename.endswith(f".{kind}")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out(browser: Any, tmp_path: Path, width: int, scheme: str):
    path = a_run(tmp_path)
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    for view in ("", "circuit", "compare", "train"):
        page.goto(f"{path.as_uri()}#view={view}")
        page.reload()
        page.wait_for_function("document.documentElement.dataset.views == 'ready'")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=f"{folder}/{view or 'overview'}-{scheme}-{width}.png")
    context.close()


def test_data_that_cannot_be_read_leave_the_sections(opened: Any, tmp_path: Path, browser: Any):
    path = a_run(tmp_path)
    text = path.read_text("utf-8")
    start = text.index('id="tapeout-data"')
    path.write_text(text[: start + 60] + text[start + 300 :], "utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.wait_for_function("document.documentElement.dataset.views == 'broken'")
    assert page.locator("main h1").is_visible() and page.get_by_role("alert").is_visible()
    page.close()
