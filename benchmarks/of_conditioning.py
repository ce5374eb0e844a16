"""The conditioned models of a finished run as a committed result: how small their circuits are.

tapeout run recipes/NAME.yaml && python benchmarks/of_conditioning.py RESULT runs/NAME [...]
"""

import json
import sys
from pathlib import Path

from _result import write


def main() -> None:
    name, *folders = sys.argv[1:]
    rows, seconds, before = [], 0.0, ""
    for place, folder in enumerate(folders, start=2):
        found = json.loads((Path(folder) / "results.json").read_text(encoding="utf-8"))
        stages = found["stages"]
        rows += [row_of(stage, stages) for stage in stages.values() if stage["kind"] == "smallest"]
        sys.argv[place] = f"runs/{found['recipe']}"
        seconds += sum(stage["seconds"] for stage in stages.values())
        before += f"tapeout run recipes/{found['recipe']}.yaml && "
    write(name, rows, seconds, before=before)


def row_of(stage: dict, stages: dict) -> dict:
    """One model: its change, the sizes of its circuits, and what else it kept."""
    sizes, source = stage["metrics"], stages[stage["inputs"]["model"]]
    seed = source["settings"].get("seed", 0)
    row = {"variant": stage["inputs"]["model"].removesuffix(f"-{seed}"), "seed": seed}
    row |= {
        key: source["settings"][key]
        for key in ("rank", "learning_rate", "steps")
        if source["kind"] == "condition"
    }
    row |= {"scale": source["metrics"].get("scale", 0.0), "split": stage["settings"]["split"]}
    row |= {key: sizes[key] for key in ("n", "universe", "nodes")}
    for name, measured in sizes["replacements"].items():
        for word, end in (("absolute", ""), ("relative", "_relative")):
            point = measured[word]
            row[f"k90_{name}{end}"] = point["size"] if point else None
    row["accuracy"] = next(iter(sizes["replacements"].values()))["full"]["value"]
    change = source["metrics"]
    if source["kind"] != "condition":
        return row
    row["base_accuracy"] = change["on_task"]["base"]["value"]
    row["kl"] = change["on_task"]["kl_to_base"]["value"]
    row["held"], row["degenerate"] = change["held"], change["sweep"]["degenerate"]
    others = dict(change["others"])
    text = others.pop("text", None)
    row["kl_text"] = text["kl_to_base"]["value"] if text else None
    row["others"] = {
        name: {key: other[key]["value"] for key in ("base", "changed")}
        for name, other in others.items()
    }
    row["seconds"], row["peak_mb"] = source["seconds"], source["peak_mb"]
    return row


if __name__ == "__main__":
    main()
