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
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from _result import write

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
    for target in sorted({row["target_loss"] for row in rows}):
        for size in ("nodes", "edges"):
            n, ratio = dense_to_sparse(rows, target, size)
            print(f"{size} at {target} nats: dense {ratio:.1f}x sparse ({n} tasks, geometric mean)")
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


def dense_to_sparse(rows: list[dict[str, Any]], target: float, size: str) -> tuple[int, float]:
    """Over how many tasks, and the geometric mean of the ratio of learned circuits' sizes.

    A task counts where both models reach the target with every seed; its size is the geometric
    mean over seeds.
    """
    sizes = {model: sizes_of(rows, target, size, model) for model in MODELS}
    both = sorted(set(sizes["sparse"]) & set(sizes["dense"]))
    logs = [math.log(sizes["dense"][task] / sizes["sparse"][task]) for task in both]
    return len(both), math.exp(math.fsum(logs) / len(logs)) if logs else math.nan


def sizes_of(rows: list[dict[str, Any]], target: float, size: str, model: str) -> dict[str, float]:
    """Task -> size of its learned circuit, for the tasks that reach the target with every seed."""
    found: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        if row["method"] != "attribution" and row["target_loss"] == target:
            found.setdefault((row["task"], row["model"]), []).append(max(row[size], 1))
    seeds = max(map(len, found.values()), default=0)
    return {
        task: math.exp(math.fsum(map(math.log, own)) / seeds)
        for (task, of), own in found.items()
        if of == model and len(own) == seeds
    }


if __name__ == "__main__":
    main()
