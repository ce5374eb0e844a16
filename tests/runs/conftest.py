"""A model's folder, a task's file, and a recipe that runs in a second or two."""

import json
from pathlib import Path
from typing import Any

import pytest

from tapeout.models import Model

from ..tiny import Sizes
from ..words import learnable, word_model, word_task


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("given")
    model: Model = word_model(sizes=Sizes(layers=2))
    model.save_pretrained(folder / "model")
    task = learnable(word_task(n=10), model)
    lines = []
    for split in task.splits:
        for example in split.examples:
            row = {
                "prompt": example.prompt,
                "answer": example.answers[0],
                "foil": example.foils[0],
                "counterfactual": example.counterfactual,
                "split": split.name.rpartition("/")[2],
            }
            lines.append(json.dumps(row))
    (folder / "words.jsonl").write_text("\n".join(lines) + "\n")
    return {"model": folder / "model", "task": folder / "words.jsonl"}


@pytest.fixture
def source(places: dict[str, Path]) -> dict[str, Any]:
    return {
        "name": "words",
        "stages": {
            "model": {"kind": "load", "source": str(places["model"])},
            "task": {"kind": "task", "name": str(places["task"])},
            "means": {"kind": "means"},
            "scores": {"kind": "find"},
            "frontier": {"kind": "frontier", "shares": [0.0, 0.5, 0.9, 1.0], "bisections": 1},
            "circuit": {"kind": "select"},
            "proof": {"kind": "verify", "random_seeds": 1},
            "small": {"kind": "extract"},
        },
    }
