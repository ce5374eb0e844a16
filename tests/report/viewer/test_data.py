"""What of a run goes into its page, and what is said to be missing."""

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from tapeout.circuits import SPARSE_NODES, Universe
from tapeout.report import write_report
from tapeout.report._results import read_results
from tapeout.report.viewer import _circuits, _facts, _prompts
from tapeout.report.viewer._app import tree_of
from tapeout.report.viewer._pack import Pack

from .. import samples
from ..samples import Page, stage
from ..test_hostile import HOSTILE
from .folders import UNIVERSE, Folder, shape


def packed(run: Path) -> tuple[dict[str, Any], Pack]:
    pack = Pack()
    return tree_of(read_results(run), run, pack), pack


def test_a_block_comes_back_as_it_was_packed():
    pack = Pack()
    first = pack.array([1, 2, 3], "u1")
    second = pack.rounded([0.5, -2.0, float("nan")])
    raw = zlib.decompress(base64.b64decode(pack.encode({"words": "a\ud800", "at": first})))
    length = int.from_bytes(raw[:4], "little")
    header = json.loads(raw[4 : 4 + length])
    assert header["tree"] == {"words": "a\ud800", "at": {"$": 0}}
    assert header["arrays"] == [["u1", 0, 3], ["i2", 8, 3]]
    assert raw[4 + length :][:3] == b"\x01\x02\x03" and len(raw) % 8 == 0
    assert (pack.read(second["values"]) * second["step"]).tolist() == pytest.approx(
        [0.5, -2.0, 0.0], abs=2 / 32767
    )
    rows = pack.rows([[1.0, -0.5], [0.0, 0.0], [300.0, float("nan")]])
    back = pack.read(rows["values"]).reshape(3, 2) * pack.read(rows["steps"])[:, None]
    assert back == pytest.approx(np.array([[1.0, -0.5], [0.0, 0.0], [300.0, 0.0]]), abs=1e-2)
    assert pack.encode({}) == pack.encode({})


def test_circuits_of_nodes_and_of_edges(tmp_path: Path):
    folder = Folder(tmp_path)
    circuit = folder.nodes("one", Universe.of(shape(), UNIVERSE), share=0.4, seed=1)
    folder.edges("two", shape(), share=0.3)
    tree, pack = packed(folder.write())
    one, two = tree["circuits"]
    assert one["method"] == "method 1" and two["of"] == "edges" and not tree["left_out"]
    bits = np.unpackbits(pack.read(one["kept"]), bitorder="little")[: circuit.universe.size]
    assert bits.astype(bool).tolist() == circuit.active.tolist()
    assert pack.read(one["scores"]["nodes"]).tolist() == circuit.active.nonzero()[:, 0].tolist()
    values = np.abs(pack.read(two["values"]["values"]))
    assert (np.diff(values.astype(int)) <= 0).all() and len(values) == len(pack.read(two["source"]))
    assert [row["circuit"] for row in tree["proofs"]] == ["one", "two"]
    assert tree["proofs"][0]["seconds"] == 5.0


def test_what_is_left_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_circuits, "MOST_EDGES", 5)
    monkeypatch.setattr(_circuits, "MOST_SCORED", 7)
    monkeypatch.setattr(_facts, "MOST_ACTIVATIONS", 100)
    folder = Folder(tmp_path)
    circuit = folder.nodes("one", Universe.of(shape(), UNIVERSE), share=0.4)
    folder.edges("two", shape(), share=0.5)
    folder.activations("held", circuit, 40, ["a"])
    tree, pack = packed(folder.write())
    assert len(pack.read(tree["circuits"][0]["scores"]["nodes"])) == 7
    assert len(pack.read(tree["circuits"][1]["source"])) == 5 and tree["circuits"][1]["left"] > 0
    said = " ".join(tree["left_out"])
    for words in ("one: the scores of", "two:", "held: activations on"):
        assert words in said


def test_token_by_token_goes_along_what_there_is_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = Folder(tmp_path)
    circuit = folder.nodes("one", Universe.of(shape(), UNIVERSE), share=0.4)
    folder.activations("held", circuit, 5, ["a"], tokens=6)
    run = folder.write()

    def prompts(held: int, attended: int) -> tuple[dict[str, Any], Pack, str]:
        monkeypatch.setattr(_prompts, "MOST_HELD", held)
        monkeypatch.setattr(_prompts, "MOST_ATTENDED", attended)
        tree, pack = packed(run)
        (own,) = tree["circuits"]
        return own["facts"]["activations"]["prompts"], pack, " ".join(tree["left_out"])

    size = len(circuit.nodes())
    heads = sum("attn" in node for node in circuit.nodes())
    found, pack, said = prompts(2 * 12 * size, 2 * 2 * 21 * heads)
    assert len(found["pairs"]) == 2 and found["pairs"][1][0]["attention"] and not said
    found, pack, said = prompts(12 * size, 10**9)
    assert len(found["pairs"]) == 1 and "1 of 2 pairs" in said
    found, pack, said = prompts(10**9, 2 * 21 * heads)
    assert found["pairs"][0][0]["attention"] and found["pairs"][1][0]["attention"] is None
    assert "attention on 1 of them" in said
    found, pack, said = prompts(12 * 3, 10**9)
    values = load_file(run / "stages" / "held" / "activations.safetensors")["pairs"]
    apart = np.abs(values[..., 0] - values[..., 1]).mean(axis=1)
    assert pack.read(found["place"]).tolist() == sorted(np.argsort(-apart)[:3].tolist())
    assert f"what {size - 3:,} nodes hold token by token" in said and len(found["pairs"]) == 1


@pytest.mark.parametrize("kind", ["missing", "torn", "another size", "no universe"])
def test_damaged_artifacts_are_said_and_the_page_is_written(kind: str, tmp_path: Path):
    folder = Folder(tmp_path)
    folder.nodes("one", Universe.of(shape(), UNIVERSE), share=0.4)
    folder.nodes("two", Universe.of(shape(layers=2), UNIVERSE), share=0.4)
    place = folder.place("one")
    if kind == "missing":
        (place / "circuit.safetensors").unlink()
    elif kind == "torn":
        (place / "circuit.safetensors").write_bytes(b"torn")
    elif kind == "another size":
        other = folder.place("two") / "circuit.safetensors"
        (place / "circuit.safetensors").write_bytes(other.read_bytes())
    else:
        (place / "circuit_config.json").write_text('{"universe": {"spec": "x"}}')
    run = folder.write()
    tree, _ = packed(run)
    assert [circuit["name"] for circuit in tree["circuits"]] == ["two"]
    (note,) = tree["left_out"]
    assert note.startswith("one: its file cannot be shown (")
    assert "tapeout-data" in write_report(run).read_text()


def test_prompts_are_shown_with_their_ends_and_their_lines(tmp_path: Path):
    folder = Folder(tmp_path)
    circuit = folder.nodes("one", Universe.of(shape(), UNIVERSE), share=0.4)
    folder.activations("held", circuit, 1, ["start " + "x" * 900 + "\n\tend"])
    held = packed(folder.write())[0]["circuits"][0]["facts"]["activations"]
    prompt = held["pairs"][0][0]
    assert prompt.startswith("…xxx") and prompt.endswith("x⏎⇥end 0") and len(prompt) == 401
    assert held["text"]["words"] == ["start " + "x" * 194 + "… (911 characters)"]


def test_damaged_activations_hide_no_circuit(tmp_path: Path):
    folder = Folder(tmp_path)
    circuit = folder.nodes("one", Universe.of(shape(), UNIVERSE), share=0.4)
    folder.activations("held", circuit, 3, ["a"])
    (folder.place("held") / "activations.json").write_text('{"nodes": []}')
    tree, _ = packed(folder.write())
    assert [own["facts"] for own in tree["circuits"]] == [{}]
    (note,) = tree["left_out"]
    assert note.startswith("held: activations (") and "is damaged" in note


@pytest.mark.parametrize("key", ["heads", "tokens", "cut", "head_dim"])
def test_damaged_prompts_are_said(key: str, tmp_path: Path):
    folder = Folder(tmp_path)
    circuit = folder.nodes("one", Universe.of(shape(), UNIVERSE), share=0.4)
    folder.activations("held", circuit, 3, ["a"])
    place = folder.place("held") / "activations.json"
    about = json.loads(place.read_text())
    about["prompts"][key] = [[["x"], ["y"]]] if key == "tokens" else None
    place.write_text(json.dumps(about))
    tree, _ = packed(folder.write())
    assert "is damaged" in tree["left_out"][0] and tree["circuits"][0]["facts"] == {}


def test_a_stage_name_leads_nowhere_else(tmp_path: Path):
    folder = Folder(tmp_path / "run")
    folder.nodes("one", Universe.of(shape(), UNIVERSE), share=0.4)
    for name in ("../stages/one", "/", "..", ""):
        folder.stages[name] = folder.stages["one"]
    tree, _ = packed(folder.write())
    assert [circuit["name"] for circuit in tree["circuits"]] == ["one"]


def test_curves_come_from_results_files_and_events(tmp_path: Path):
    folder = Folder(tmp_path)
    points = [{"step": float(n), "loss": 1 / n, "rate": 0.1} for n in range(1, 1001)]
    folder.stages["trained"] = stage("train", samples.train() | {"curve": points})
    folder.stages["masked"] = stage("mask", {"n": 1})
    (folder.place("masked") / "curve.json").write_text('[{"loss": 2.0}, {"loss": 1.0, "x": null}]')
    folder.stages["seen"] = stage("sweep", {"n": 1})
    events = [{"event": "start", "stage": "seen"}]
    events += [{"event": "progress", "stage": "seen", "done": n, "gain": n / 2} for n in (1, 2, 4)]
    lines = [json.dumps({"time": 1.0, **event}) for event in [*events, *events]]
    run = folder.write()
    (run / "events.jsonl").write_text("\n".join([*lines, '{"torn', "[]", '{"event": 1}']))
    tree, pack = packed(run)
    curves = {curve["name"]: curve for curve in tree["curves"]}
    assert set(curves) == {"trained", "masked", "seen"}
    assert curves["trained"]["points"] == 1000 and len(pack.read(curves["trained"]["step"])) == 500
    assert [term["name"] for term in curves["trained"]["terms"]] == ["loss", "rate"]
    assert pack.read(curves["masked"]["step"]).tolist() == [1, 2]
    assert pack.read(curves["seen"]["step"]).tolist() == [1, 2, 4]
    assert pack.read(curves["seen"]["terms"][0]["values"]).tolist() == [0.5, 1.0, 2.0]


def test_weights_stand_at_the_circuits_own_nodes(tmp_path: Path):
    folder = Folder(tmp_path)
    circuit = folder.nodes(
        "one", Universe.of(shape(family="weight_sparse"), SPARSE_NODES), share=1.0
    )
    folder.stages["wired"] = stage(
        "weight_edges", samples.weight_edges(), inputs={"circuit": "one"}
    )
    folder.stages["checked"] = stage("checks", samples.checks(), inputs={"circuit": "one"})
    tree, pack = packed(folder.write())
    (one,) = tree["circuits"]
    names = [circuit.universe.name(node) for node in pack.read(one["wiring"]["nodes"]).tolist()]
    assert names == one["wiring"]["names"] and len(names) == 8
    assert len(pack.read(one["wiring"]["layout"]["x"])) == 8
    assert pack.read(one["facts"]["effects"]["in_circuit"]).tolist() == [0.75, 0.25, 1.25]
    assert list(one["facts"]["contexts"]["rows"]) == [str(circuit.universe.node("0.attn.q.5"))]


@pytest.mark.parametrize("name", [*HOSTILE.values(), "x" * 100_000], ids=[*HOSTILE, "long"])
def test_names_are_clean_before_they_are_packed(name: str, tmp_path: Path):
    folder = Folder(tmp_path, recipe=name)
    circuit = folder.nodes("one", Universe.of(shape(), UNIVERSE), share=0.4)
    folder.activations("held", circuit, 3, [name, f"{name} too"])
    curve = [{"step": n, name: 0.5, "loss": 1.0} for n in range(3)]
    folder.stages[name] = stage("mask", {"curve": curve})
    folder.stages["one scores"]["metrics"]["method"] = name
    run = folder.write()
    tree, _ = packed(run)
    text = json.dumps(tree, ensure_ascii=False)
    assert not any(
        ord(letter) in range(0xD800, 0xE000) or letter in "\u202e\u2066" for letter in text
    )
    assert len(text) < 200_000 and not tree["left_out"]
    page = write_report(run).read_text(encoding="utf-8")
    assert page.count("<script") == 2 and "<h1>owned" not in page
    Page(page)


def test_ten_thousand_nodes_and_a_million_activations(tmp_path: Path):
    folder = Folder(tmp_path)
    universe = Universe.of(shape(layers=10, hidden=1990, heads=10), UNIVERSE)
    circuit = folder.nodes("one", universe, share=0.5)
    assert circuit.size == 10_000
    folder.activations("held", circuit, 50, [f"word {n}" for n in range(99)])
    page = write_report(folder.write())
    assert page.stat().st_size <= 8_000_000
