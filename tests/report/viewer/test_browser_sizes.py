"""How the views use a screen, wide or narrow, in a browser."""

from pathlib import Path
from typing import Any

from tapeout.circuits import Circuit, Universe
from tapeout.report import write_report

from .. import samples
from ..samples import stage
from .folders import UNIVERSE, Folder, shape

PHONE = {"width": 390, "height": 844}
BOARD = "#view-circuit canvas.board"
LONG = "a circuit with a name that is quite long, number"


def a_run(root: Path) -> Path:
    """Circuits of thirty layers: one scored, one not, and their proofs."""
    folder = Folder(root)
    universe = Universe.of(shape(layers=30), UNIVERSE)
    folder.nodes(f"{LONG} 1", universe, share=0.2)
    folder.nodes(f"{LONG} 2", universe, share=0.4, seed=1)
    few = Circuit.of(universe, ["4.mlp.post_act.3", "20.mlp.post_act.5", "29.mlp.post_act.11"])
    few.save(folder.place("few"))
    metrics = samples.select() | {"size": few.size, "share": few.share}
    folder.stages["few"] = stage("random", metrics)
    return write_report(folder.write())


def height(page: Any) -> float:
    page.wait_for_timeout(200)
    return page.locator(BOARD).bounding_box()["height"]


def pixels(page: Any, counted: str) -> float:
    """What a script counts in the board's `all`, of `width` times `height` pixels."""
    page.wait_for_timeout(200)
    return page.locator(BOARD).evaluate(
        "board => { const { width, height } = board;"
        " const copy = new OffscreenCanvas(width, height).getContext('2d');"
        " copy.drawImage(board, 0, 0);"
        f" const all = copy.getImageData(0, 0, width, height).data; {counted} }}"
    )


def drawn(page: Any) -> float:
    """The part of the board's rows that has something drawn on it."""
    return pixels(
        page,
        "const row = y => { for (let at = 4 * y * width; at < 4 * (y + 1) * width; at++)"
        " if (all[at] !== all[at % 4]) return 1; return 0; };"
        " let rows = 0; for (let y = 0; y < height; y++) rows += row(y); return rows / height;",
    )


def dark(page: Any) -> float:
    """Pixels about as dark as ink: in a picture of channels, only the frame of a chosen one."""
    return pixels(
        page,
        "let dark = 0; for (let at = 0; at < all.length; at += 4)"
        " dark += all[at] + all[at + 1] + all[at + 2] < 250; return dark;",
    )


def test_a_board_is_as_tall_as_its_picture(opened: Any, tmp_path: Path):
    page = opened(a_run(tmp_path), "#view=circuit&circuit=few")
    assert height(page) < 0.7 * 900 - 1
    assert drawn(page) > 0.5
    page.set_viewport_size(PHONE)
    assert drawn(page) > 0.3
    assert height(page) <= 0.6 * PHONE["height"] + 1


def test_a_link_to_a_node_opens_where_it_is(opened: Any, tmp_path: Path):
    path = a_run(tmp_path)
    page = opened(path)
    page.set_viewport_size(PHONE)
    for node in ("4.mlp.post_act.3", "29.mlp.post_act.11"):
        opened(path, f"#view=circuit&circuit=few&node={node}")
        assert dark(page) > 8, node
    opened(path, "#view=circuit&circuit=few")
    assert dark(page) == 0


def test_what_has_no_scores_has_no_columns_for_them(opened: Any, tmp_path: Path):
    page = opened(a_run(tmp_path), "#view=circuit&circuit=few&node=4.mlp.post_act.3")
    view = page.locator("#view-circuit")
    heads = view.locator(".list thead th")
    assert heads.all_inner_texts() == ["Node", "Circuits that keep it"]
    assert "strongest" not in view.inner_text()
    view.get_by_role("combobox", name="Circuit", exact=True).select_option(value=f"{LONG} 1")
    assert heads.all_inner_texts() == ["Node", "Score", "Circuits that keep it"]
    assert "Nodes, strongest first" in view.inner_text()


def test_on_a_phone_captions_stay_on_the_screen_and_names_in_a_line(opened: Any, tmp_path: Path):
    page = opened(a_run(tmp_path))
    page.set_viewport_size(PHONE)
    for view in ("circuit", "compare"):
        opened(tmp_path / "report.html", f"#view={view}")
        captions = page.locator(f"#view-{view} caption .stay")
        assert captions.count() >= 1
        for one in captions.all():
            box = one.bounding_box()
            assert box is None or box["x"] + box["width"] <= PHONE["width"]
    assert page.locator("#view-compare .legend .swatch-dot").count() == 2
    opened(tmp_path / "report.html", "#view=circuit")
    lines = page.locator("#view-circuit .list button[data-node] code")
    assert max(one.bounding_box()["height"] for one in lines.all()[:20]) < 24
