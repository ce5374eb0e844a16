"""Keeping what a circuit's nodes hold, from a recipe to the report's data."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from tapeout.circuits import Circuit
from tapeout.report._results import read_results
from tapeout.report.viewer._app import tree_of
from tapeout.report.viewer._pack import Pack
from tapeout.runs import parse_recipe, run_recipe

from ..tiny import Sizes
from ..words import learnable, word_model, word_task


def rows_of(pack: Pack, rows: dict[str, Any]) -> np.ndarray:
    """Floats that were packed row by row."""
    return pack.read(rows["values"]).reshape(-1, rows["wide"]) * pack.read(rows["steps"])[:, None]


UNIVERSE = "mlp.post_act,attn.z:head"


def test_activations_reach_the_report(tmp_path: Path):
    model = word_model("llama", Sizes(layers=2, seed=1))
    model.save_pretrained(tmp_path / "model")
    rows = []
    for split in learnable(word_task(n=8), model).splits:
        for e in split.examples:
            row = {"prompt": e.prompt, "answer": e.answers[0], "foil": e.foils[0]}
            row |= {"counterfactual": e.counterfactual, "split": split.name.rpartition("/")[2]}
            rows.append(json.dumps(row))
    (tmp_path / "words.jsonl").write_text("\n".join(rows) + "\n")
    stages = {
        "model": {"kind": "load", "source": str(tmp_path / "model")},
        "task": {"kind": "task", "name": str(tmp_path / "words.jsonl"), "minimum": 0.0},
        "scores": {"kind": "find", "universe": UNIVERSE},
        "circuit": {"kind": "select", "share": 0.3, "replacement": "zero"},
        "held": {"kind": "activations", "text": "task", "most_pairs": 3, "contexts": 2},
    }
    run = tmp_path / "runs" / "run"
    run_recipe(parse_recipe({"stages": stages}), run)
    circuit = Circuit.load(run / "stages" / "circuit")
    arrays = load_file(run / "stages" / "held" / "activations.safetensors")
    assert arrays["pairs"].shape == (circuit.size, 3, 2)
    metrics = json.loads((run / "results.json").read_text())["stages"]["held"]["metrics"]
    assert metrics["n"] == 3 and metrics["text"].endswith("/reference")
    pack = Pack()
    (tree,) = tree_of(read_results(run), run, pack)["circuits"]
    held = tree["facts"]["activations"]
    pairs = arrays["pairs"].numpy()
    shown = rows_of(pack, held["values"])
    largest = np.abs(pairs).max(axis=(1, 2), keepdims=True)
    assert (np.abs(shown.reshape(pairs.shape) - pairs) <= largest / 32767).all()
    nodes = pack.read(held["nodes"]).tolist()
    assert [circuit.universe.name(node) for node in nodes] == circuit.nodes()
    documents = [
        "".join(held["text"]["words"][word] for word in pack.read(own))
        for own in held["text"]["documents"]
    ]
    assert documents and all(text.startswith("w") for text in documents)
    prompts = held["prompts"]
    assert pack.read(prompts["place"]).tolist() == list(range(len(nodes)))
    assert len(prompts["pairs"]) == 3 and prompts["cut"] == [0, 0, 0] and prompts["scale"] is None
    heads = {name.rpartition(".head")[::2] for name in circuit.nodes() if "head" in name}
    assert {(f"{layer}.attn.z", str(head)) for layer, head, _ in prompts["heads"]} == heads
    for place, sides in enumerate(prompts["pairs"]):
        for side, own in enumerate(sides):
            at_the_end = rows_of(pack, own["held"])[:, -1]
            assert at_the_end == pytest.approx(pairs[:, place, side], abs=1e-3)
            size = len(own["tokens"])
            weights = pack.read(own["attention"]).reshape(len(prompts["heads"]), -1)
            assert weights.shape[1] == size * (size + 1) // 2 and (weights[:, 0] == 255).all()
            assert (abs(weights[:, -size:].sum(axis=1) - 255.0) <= size / 2).all()
