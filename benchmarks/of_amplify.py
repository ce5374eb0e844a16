"""The arms of a finished amplification as a committed result: what each solves beside its base.

tapeout run recipes/NAME.yaml --jobs 2 && python benchmarks/of_amplify.py RESULT runs/NAME
"""

import json
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from _result import write

MOST_NAMES = 64


def main() -> None:
    name, *folders = sys.argv[1:]
    rows, seconds, before = [], 0.0, ""
    for place, folder in enumerate(folders, start=2):
        found = json.loads((Path(folder) / "results.json").read_text(encoding="utf-8"))
        stages = found["stages"]
        arms = [stage for stage in stages.values() if is_arm(stage)]
        rows += [row_of(arm, stages) | components_of(arm, stages, Path(folder)) for arm in arms]
        sys.argv[place] = f"runs/{found['recipe']}"
        took = seconds_of(Path(folder), stages)
        print(f"{found['recipe']}: {took / 60:.1f} minutes")
        seconds += took
        before += f"tapeout run recipes/{found['recipe']}.yaml --jobs 2 && "
    for row in rows:
        span = f"{100 * row['gain']:+.1f} [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"
        print(f"{row['arm']:12} {row['localisation']:10} seed {row['seed']}: {span} points")
    for (arm, localisation), gains in by_arm(rows).items():
        spread = f" ± {100 * stdev(gains):.1f}" if len(gains) > 1 else ""
        average = f"{100 * mean(gains):+.1f}{spread}"
        print(f"{arm:12} {localisation:10} {len(gains)} seeds: {average} points")
    write(name, rows, seconds, before=before)


def seconds_of(folder: Path, stages: dict[str, Any]) -> float:
    """From a run's begin to its end; of one that was stopped meanwhile, what its stages took."""
    lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    if [event["event"] for event in events].count("began") == 1:
        return events[-1]["time"] - events[0]["time"]
    return sum(stage["seconds"] for stage in stages.values())


def by_arm(rows: list[dict[str, Any]]) -> dict[tuple[str, str], list[float]]:
    """The gains of every arm, one a seed."""
    found: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        found.setdefault((row["arm"], row["localisation"]), []).append(row["gain"])
    return found


def is_arm(stage: dict[str, Any]) -> bool:
    """Whether it says what a changed model solves beside its base."""
    return stage["kind"] == "solve" and bool(stage["inputs"].get("against"))


def row_of(stage: dict[str, Any], stages: dict[str, Any]) -> dict[str, Any]:
    """One changed model: how it was changed, and what it solves that its base did not.

    `gained` and `lost` count problems that turned right and wrong; `low` and `high` are the ends of
    the gain's paired 95% interval over problems, those with `_by_template` of the one that draws
    whole templates.
    """
    source = stages[stage["inputs"]["model"]]
    change, solved = source["metrics"], stage["metrics"]
    base = stages[stage["inputs"]["against"]]["metrics"]
    row = _arm(source, stages) | {
        "seed": source["settings"]["seed"],
        "learning_rate": change["origin"]["config"]["learning_rate"],
        "step": change["step"],
        "split": solved["split"],
        "n_test": solved["accuracy"]["n"],
        "accuracy_base": base["accuracy"]["value"],
        "accuracy": solved["accuracy"]["value"],
        "answered": solved["answered"]["value"],
    }
    gain = solved["gain"]
    row |= {"gain" if key == "value" else key: gain["by_problem"][key] for key in SPAN}
    row |= {f"{key}_by_template": gain["by_template"][key] for key in ("low", "high")}
    others = dict(change["others"])
    text = others.pop("text", None)
    row["kl_text"] = text["kl_to_base"]["value"] if text else None
    row["side_effects"] = others
    row["seconds"], row["peak_mb"] = source["seconds"], source["peak_mb"]
    return row


SPAN = ("value", "low", "high", "p", "gained", "lost")


def components_of(
    stage: dict[str, Any], stages: dict[str, Any], folder: Path
) -> dict[str, list[str]]:
    """Names of what was updated, where it is not many."""
    from tapeout.circuits import Circuit

    circuit = stages[stage["inputs"]["model"]]["inputs"].get("circuit")
    if not circuit:
        return {}
    names = Circuit.load(folder / "stages" / circuit).nodes()
    return {"components": names} if len(names) <= MOST_NAMES else {}


def _arm(source: dict[str, Any], stages: dict[str, Any]) -> dict[str, Any]:
    """What was trained on what, and which part of the components it may change."""
    if source["kind"] == "tune":
        problems = stages[source["inputs"]["problems"]]["metrics"]["sizes"]["train"]
        learned = source["settings"]["learn"] or problems
        return {"arm": "lora", "localisation": "", "n_train": learned, "share": 1.0}
    pivots = stages[source["inputs"]["pivots"]]
    about = {"localisation": pivots["settings"]["method"], "n_train": pivots["metrics"]["n"]}
    if not source["inputs"].get("circuit"):
        return {"arm": "no mask"} | about | {"share": 1.0}
    circuit = stages[source["inputs"]["circuit"]]
    arm = "random mask" if circuit["kind"] == "random" else "mask"
    delta = source["metrics"]["delta"]
    sizes = {"share": circuit["metrics"]["share"], "delta_bytes": delta["bytes"]}
    return {"arm": arm} | about | sizes | _promotes(circuit["metrics"].get("evidence"))


def _promotes(evidence: dict[str, Any] | None) -> dict[str, Any]:
    """By how many logits doubling a mask raises held-out pairs, over random masks of its kinds."""
    if evidence is None:
        return {}
    names = {"value": "over_random", "low": "over_random_low", "high": "over_random_high"}
    rise = {"n_pairs": evidence["n"], "rise": evidence["rise"]["value"]}
    return rise | {name: evidence["over_random"][key] for key, name in names.items()}


if __name__ == "__main__":
    main()
