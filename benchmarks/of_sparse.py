"""Circuits of a weight-sparse model beside those of its dense twin, as one committed result.

tapeout run recipes/TRAINED.yaml
tapeout compare recipes/sparse-circuits.yaml --model runs/TRAINED/stages/sparse --out runs/sparse
tapeout compare recipes/sparse-circuits.yaml --model runs/TRAINED/stages/dense --out runs/dense
python benchmarks/of_sparse.py TRAINED runs/sparse runs/dense

`validation_loss` is of held-out code and programs in the shares that were trained on. Where a mask
was learned with several penalties, the circuit of fewest nodes counts; sizes are told apart on the
validation split, losses are of the test split.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from _result import write

from tapeout.report import size_ratio, sizes_at_loss

MODELS = ("sparse", "dense")
LOSS = "validation_loss"
KEPT = (
    *("task", "seed", "split", "n", "replacement", "target_loss", "loss", "loss_uncalibrated"),
    *("nodes", "edges", "edges_embedding", "edges_unembedding", "biases"),
)


def main() -> None:
    trained, *folders = sys.argv[1:]
    made = json.loads(Path("runs", trained, "results.json").read_text(encoding="utf-8"))["stages"]
    rows, seconds = [], sum(stage["seconds"] for stage in made.values())
    for model, folder in zip(MODELS, map(Path, folders), strict=True):
        found = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
        stages = json.loads((folder / "results.json").read_text(encoding="utf-8"))["stages"]
        seconds += sum(stage["seconds"] for stage in stages.values())
        about = {"model": model} | losses(made[model])
        rows += [about | row for row in smallest(found["rows"])]
        rows.append({"part": "model"} | about)
    rows += ratios(rows)
    before = f"tapeout run recipes/{trained}.yaml && "
    for model, folder in zip(MODELS, folders, strict=True):
        model = f"runs/{trained}/stages/{model}"
        before += f"tapeout compare recipes/sparse-circuits.yaml --model {model} --out {folder} && "
    write("sparse-vs-dense", rows, seconds, before=before)


def losses(stage: dict[str, Any]) -> dict[str, float]:
    """On held-out code, and on code and programs in the shares that it was trained on."""
    code, programs = (stage["metrics"][key] for key in (LOSS, f"{LOSS}_programs"))
    share = stage["settings"]["programs"]
    return {LOSS: (1 - share) * code + share * programs, f"{LOSS}_code": code}


def smallest(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per task, seed and target the learned circuit of fewest nodes, and attribution's."""
    best: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        method = "attribution" if row["method"] == "attribution" else "heaviside-pruning"
        place = (row["task"], method, row["seed"], row["target_loss"])
        if place not in best or row["nodes"] < best[place]["nodes"]:
            best[place] = {"method": method} | {key: row[key] for key in KEPT}
    return list(best.values())


def ratios(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """How many times as large learned circuits of the dense model are, by size and target."""
    models = learned(rows)
    return [
        {
            "part": "dense to sparse",
            "size": size,
            "target_loss": target,
            "tasks": tasks,
            "ratio": ratio,
        }
        for size in ("nodes", "edges")
        for target, sizes in sizes_at_loss(models, size).items()
        for tasks, ratio in [size_ratio(sizes, "dense", "sparse")]
        if tasks
    ]


def learned(rows: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Model -> its circuits, but for attribution's."""
    found = [row for row in rows if row.get("method", "attribution") != "attribution"]
    return {model: [row for row in found if row["model"] == model] for model in MODELS}


if __name__ == "__main__":
    main()
