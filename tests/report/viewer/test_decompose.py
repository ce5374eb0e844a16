"""What the page says of directions: their tensors as images, effects, texts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.report import write_report
from tapeout.report._results import read_results
from tapeout.report.viewer import _decompose
from tapeout.report.viewer._decompose import decomposed
from tapeout.report.viewer._pack import Pack
from tapeout.report.viewer._tensors import STEPS, Factors, pooled

from ..samples import Json
from . import made
from .folders import Folder


def tree_of(folder: Folder) -> tuple[Json, Pack, list[str]]:
    pack, notes, run = Pack(), [], folder.write()
    found = decomposed(read_results(run), run, pack, notes)
    assert found is not None
    return found, pack, notes


def image(tensor: Json, pack: Pack, place: int) -> np.ndarray:
    rows, columns = tensor["grid"]
    whole = pack.read(tensor["images"]).reshape(-1, rows, columns)[place].astype(float)
    return (whole - STEPS) * pack.read(tensor["step"])[place]


def test_images_are_the_directions_own_tensors(tmp_path: Path):
    folder = Folder(tmp_path)
    known = made.decomposed(folder)
    tree, pack, notes = tree_of(folder)
    (learned,) = tree["learned"]
    tensors = {tensor["name"]: tensor for tensor in learned["tensors"]}
    assert list(tensors) == list(made.SHAPES) and not notes
    drawn = pack.read(learned["drawn"]).tolist()
    # those with examples or effects come first, then the most active
    assert drawn[:4] == [17, 3, 0, 1] and sorted(drawn) == list(range(made.COUNT))
    for place, direction in enumerate(drawn[:3]):
        for name, shape in made.SHAPES.items():
            whole, own = made.dense(known, name, direction), tensors[name]
            room = np.abs(whole).max() / STEPS
            if whole.size <= 40:
                assert np.abs(image(own, pack, place) - whole.reshape(own["grid"])).max() <= room
            assert own["shape"] == list(shape)
            part = (whole**2).sum()  # a direction has norm 1
            assert pack.read(own["energy"])[direction] == pytest.approx(part, abs=1e-5)
    up = tensors["net.up.weight"]
    assert up["rank"] == 2 and up["grid"] == [30, 4] and up["block"] == [3, 1]
    whole = made.dense(known, "net.up.weight", 17).reshape(30, 3, 4)
    largest = np.take_along_axis(whole, np.abs(whole).argmax(1)[:, None], 1)[:, 0]
    assert np.abs(image(up, pack, 0) - largest).max() <= np.abs(whole).max() / STEPS
    rows, columns = up["strongest"][0]
    energy = (made.dense(known, "net.up.weight", 17) ** 2).sum(1)
    assert rows[0] == [int(energy.argmax()), pytest.approx(energy.max() / energy.sum(), rel=1e-4)]
    assert len(columns) == 4 and sum(part for _, part in columns) == pytest.approx(1, abs=1e-5)


@given(st.data())
def test_a_cell_is_the_largest_entry_of_its_block(data: Any):
    height, width = (data.draw(st.integers(1, 30)) for _ in range(2))
    rows, columns = (data.draw(st.integers(1, size)) for size in (height, width))
    down, across = -(-height // rows), -(-width // columns)
    rows, columns = -(-height // down), -(-width // across)
    whole = np.random.default_rng(height * 31 + width).normal(size=(height, width))
    found = pooled(whole, rows, columns)
    for row in range(rows):
        for column in range(columns):
            block = whole[row * down : (row + 1) * down, column * across : (column + 1) * across]
            assert abs(found[row, column]) == np.abs(block).max() and found[row, column] in block


def test_images_have_a_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_decompose, "MOST_CELLS", 5 * (30 * 4 + 24 + 4))
    folder = Folder(tmp_path)
    made.decomposed(folder)
    tree, pack, notes = tree_of(folder)
    assert len(pack.read(tree["learned"][0]["drawn"])) == 5
    assert notes == ["learned: images of 25 of 30 directions"]
    assert len(pack.read(tree["learned"][0]["activity"])) == 30


def test_effects_and_texts_name_their_directions(tmp_path: Path):
    folder = Folder(tmp_path)
    made.decomposed(folder)
    (compared,) = tree_of(folder)[0]["compared"]
    first, second, third = compared["sets"]
    assert first["of"] == "learned" and second["of"] == third["of"] == ""
    assert first["name"] == "learned, seed 1" and second["name"] == "random, same rank"
    row = first["rows"][0]
    assert row["direction"] == 3 and row["steps"][-1] == [2.0, 0.04, 0.004] and third["rows"] == []
    (example,) = compared["examples"]
    assert example["contexts"] == [[0.5, "a first", " <b>", ""]]
    assert example["up"] == [["␣the", 0.25]] and example["down"] == [["⏎", -0.5]]


def test_older_results_have_one_step(tmp_path: Path):
    folder = Folder(tmp_path)
    made.decomposed(folder)
    del folder.stages["compared"]["metrics"]["sets"][0]["specificity"]["rows"][0]["steps"]
    row = tree_of(folder)[0]["compared"][0]["sets"][0]["rows"][0]
    assert row["steps"] == [[2.0, 0.04, 0.004]]


@pytest.mark.parametrize("kind", ["no file", "torn", "another count", "no activity"])
def test_damaged_directions_are_said(kind: str, tmp_path: Path):
    folder = Folder(tmp_path)
    made.decomposed(folder)
    path = folder.place("learned") / "decoder" / "directions.safetensors"
    if kind == "no file":
        path.unlink()
    elif kind == "torn":
        path.write_bytes(b"torn")
    elif kind == "another count":
        made.decomposed(other := Folder(tmp_path / "other"), count=5)
        path.write_bytes((other.place("learned") / "decoder" / path.name).read_bytes())
    else:
        (folder.place("learned") / "decomposition.json").write_text("{}")
    tree, _, (note,) = tree_of(folder)
    assert tree["learned"] == [] and note.startswith("learned: its directions (")
    assert tree["compared"] and "tapeout-data" in write_report(tmp_path).read_text()


def test_tensors_of_any_number_of_modes_are_read(tmp_path: Path):
    shapes = {"scale": (), "conv": (3, 2, 2)}
    import torch

    from tapeout.decompose import Directions

    found = Directions.random(shapes, 4, {"conv": 2}, torch.Generator().manual_seed(1))
    found.save(tmp_path / "decoder")
    (tmp_path / "decomposition.json").write_text('{"activity": [0.5, 0, 1, 0.25]}')
    read = Factors.read(tmp_path)
    assert read.by_activity() == [2, 0, 3, 1]
    for name in shapes:
        whole = found.dense(1)[name].numpy()
        assert np.allclose(read.dense(name, 1).ravel(), whole.ravel(), atol=1e-6)
        assert read.energy(name)[1] == pytest.approx((whole**2).sum(), abs=1e-5)
