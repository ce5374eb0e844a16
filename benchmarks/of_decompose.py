"""Directions of a finished run as a committed result.

tapeout run recipes/decompose-smollm2.yaml
python benchmarks/of_decompose.py runs/decompose-smollm2

`error` is the part of held-out gradients' energy that is not rebuilt, `fitted` the same with the
coefficients that fit best on the same directions, `below_pca` by how much an error is lower than
that of principal directions on the same samples (`fitted_below_pca` where both are fitted): all
with 95% bootstrap intervals over samples. `effect_ratio` is how many times more predictions change
(KL) where a direction is active than elsewhere when weights move along it, the geometric mean over
`moved` directions with a bootstrap over them; all are moved until the mean change is `effect` nats,
which takes `moved_by` of the weights' norm. Rows of `part` `example` are the directions that the
first decomposition uses most.

Of runs on a task's pairs (`recipes/decompose-pronouns.yaml`): `part` `energy` has which part of
the directions' squared length in nodes in play the top 1, 10, 100 and 1,000 nodes hold; `coverage`
has which part a circuit holds (`share`, with a bootstrap over directions) and random circuits of as
many nodes in every layer (`random`, between which values 95% of them lie, and `above`, how many
hold as much); `frontier` has the smallest circuit that keeps the target.
"""

import json
import sys
from pathlib import Path
from typing import Any

from _result import write

ENDS = {"": "value", "_low": "low", "_high": "high"}


def main() -> None:
    folder = Path(sys.argv[1])
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    stages, name = found["stages"], found["recipe"]
    sys.argv[1] = f"runs/{name}"
    rows = rows_of(stages)
    seconds = sum(stage["seconds"] for stage in stages.values())
    write(NAMES.get(name, name), rows, seconds, before=f"tapeout run recipes/{name}.yaml && ")


NAMES = {
    "decompose-smollm2": "l3d-smollm2",
    "decompose-pronouns": "l3d-pronouns",
}


def rows_of(stages: dict[str, Any]) -> list[dict[str, Any]]:
    """What was learned, every set of directions, and examples of some."""
    rows = []
    for stage in stages.values():
        kind, metrics = stage["kind"], stage["metrics"]
        if kind == "decompose":
            rows += learned(stage["inputs"]["gradients"], metrics)
        if kind == "directions":
            of = stage["inputs"]["gradients"]
            rows += compared(of, metrics) + examples(of, metrics)
        if kind in PAIRED:
            about = {"part": kind, "of": stage["inputs"][OF[kind]]}
            rows.append(about | PAIRED[kind](metrics))
    return rows


def learned(of: str, metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """What was tried, and what was chosen."""
    about = {"part": "learned", "of": of, "seed": metrics["seed"], "n": metrics["n"]}
    return [
        about
        | tried
        | {"chosen": tried["validation_error"] == metrics["validation_error"]}
        | {"validation_n": metrics["validation_n"]}
        for tried in metrics["tried"]
    ]


def compared(of: str, metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a set."""
    names = (
        "split",
        "n",
        "train_n",
        "count",
        "active",
        "per_sample",
        "window",
        "references",
        "effect",
    )
    about = {"part": "set", "of": of} | {name: metrics[name] for name in names}
    rows = []
    for one in metrics["sets"]:
        row = about | {key: one[key] for key in ("name", "numbers", "unused")}
        for part in ("error", "fitted", "below_pca", "fitted_below_pca"):
            row |= {f"{part}{end}": one[part][key] for end, key in ENDS.items()}
        specific = one["specificity"]
        ratio = specific.get("ratio", {})
        row |= {f"effect_ratio{end}": ratio.get(key) for end, key in ENDS.items()}
        moved = specific["rows"]
        row["moved_by"] = specific.get("moved")
        row |= {"moved": len(moved), "not_measured": specific["left_out"]}
        for key in ("active", "rest"):
            row[f"kl_{key}"] = sum(x[key] for x in moved) / len(moved) if moved else None
        rows.append(row)
    return rows


def examples(of: str, metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Contexts and tokens as text."""
    return [
        {
            "part": "example",
            "of": of,
            "direction": example["direction"],
            "used": example["used"],
            "contexts": [c["before"] + f"[{c['token']}]" + c["after"] for c in example["contexts"]],
            "up": [change["token"] for change in example["up"]],
            "down": [change["token"] for change in example["down"]],
        }
        for example in metrics["examples"]
    ]


def energy(metrics: dict[str, Any]) -> dict[str, Any]:
    """Which part of directions' energy the top nodes hold."""
    about = {"directions": len(metrics["directions"])}
    about |= {name: metrics[name] for name in ("universe", "nodes", "outside")}
    strongest = [row["node"] for row in metrics["strongest"][:3]]
    top = {f"top_{count}": part for count, part in metrics["top"].items()}
    return about | top | {"strongest": strongest}


def coverage(metrics: dict[str, Any]) -> dict[str, Any]:
    """Which part of directions' energy a circuit holds."""
    row = {name: metrics[name] for name in ("task", "universe", "size", "nodes", "above")}
    row["directions"] = len(metrics["rows"])
    for part in ("share", "random"):
        row |= {f"{part}{end}": metrics[part][key] for end, key in ENDS.items()}
    return row | {"draws": metrics["random"]["n"]}


def size(metrics: dict[str, Any]) -> dict[str, Any]:
    """The smallest circuit that keeps the target."""
    row = {name: metrics[name] for name in ("split", "replacement", "criterion", "target")}
    least = metrics["smallest"] or {"size": None, "share": None}
    return row | {"n": metrics["full"]["n"], "full_right": metrics["full"]["right"]} | least


PAIRED = {"energy": energy, "coverage": coverage, "frontier": size}
OF = {"energy": "by", "coverage": "by", "frontier": "scores"}
"""The input that tells rows of one part from each other."""


if __name__ == "__main__":
    main()
