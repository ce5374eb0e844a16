"""Every recipe made small, so that each can be run, and its page gone through, in an hour or two.

    python benchmarks/small_recipes.py recipes/*.yaml
    python benchmarks/browse_reports.py runs/small/runs/*

Stages and what they read stay as they are; steps, examples, problems, seeds and widths get fewer,
and models that need a hub or a GPU give way to ones that are here. What such runs find means
nothing, and their pages say it all the same: this is for looking at pages. Runs that were stopped
go on; `--only-write` leaves the recipes alone.
"""

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

MOST = {
    "steps": 16, "epochs": 1, "ramp": 4, "validate_every": 4, "train": 96, "validation": 24,
    "test": 32, "reference": 16, "pairs": 24, "learn": 16, "sample": 16, "scored": 32, "count": 8,
    "moved": 2, "megabytes": 4, "learned_from": 2, "tokenizer_programs": 4000, "layers": 2,
    "d_model": 128, "d_head": 16, "length": 128, "batch_size": 32, "masked_batch": 32,
    "anchor_batch": 8, "crossing": 2, "bisections": 1,
}  # fmt: skip
FIRST = {"each": 1, "seeds": 1, "rates": 2, "penalties": 1}
"""How many are left of a list; of `each`, of every of its names."""
BY_KIND = {
    "base": {"steps": 340, "precision": "float32"},
    "reasoner": {"steps": 20, "precision": "float32"},
    "train": {"steps": 60},
    "toy": {"steps": 100, "pairs": 400},
    "localise": {"epochs": 2, "draws": 2},
}
"""What kinds are given whatever their recipe says; an adder has to know some addition."""
FIXED = {"precision": "float32", "sample_dtype": "float32", "relative": True}
"""Any processor is quick in the first; what a model hardly knows is kept by no circuit but
relative to the model."""
OF_SEEDS = {"toy", "directions"}
"""Kinds that are about several seeds."""
AS_IT_IS = ("sparse-2min", "demo")
PROGRAMS = 4000
TAPEOUT = Path(sys.executable).with_name("tapeout")

Source = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path("runs/small"))
    parser.add_argument("--only-write", action="store_true")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    for path in asked.recipes:
        source = yaml.safe_load(path.read_text(encoding="utf-8"))
        source = small(source, path.stem, asked.out / "runs")
        written = asked.out / path.name
        written.write_text(yaml.safe_dump(source, sort_keys=False), encoding="utf-8")
    failed = [] if asked.only_write else [p.stem for p in asked.recipes if not ran(p, asked.out)]
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def ran(recipe: Path, out: Path) -> bool:
    """Run it, with what it says beside its run."""
    began, verb = time.perf_counter(), "compare" if "methods" in read(out / recipe.name) else "run"
    (out / "logs").mkdir(exist_ok=True)
    run = out / "runs" / recipe.stem
    if not run.exists() and (same := like(recipe, out)):
        shutil.copytree(same / "stages", run / "stages")
    command = [str(TAPEOUT), verb, str(out / recipe.name), "--out", str(run)]
    with (out / "logs" / f"{recipe.stem}.txt").open("w") as said:
        code = subprocess.call([*command, "--jobs", "2"], stdout=said, stderr=said)
    told = f"failed, see {said.name}" if code else "done"
    print(f"{recipe.stem}: {told}, {time.perf_counter() - began:.0f} s", flush=True)
    return not code


def like(recipe: Path, out: Path) -> Path | None:
    """The run of one that differed by its model or its numbers alone, and no longer does."""
    own = read(out / recipe.name) | {"name": ""}
    for run in (out / "runs").glob("*/stages"):
        other = out / f"{run.parent.name}.yaml"
        if other.exists() and read(other) | {"name": ""} == own:
            return run.parent
    return None


def read(path: Path) -> Source:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def small(source: Source, name: str, runs: Path) -> Source:
    """The recipe with fewer of everything, and models that are here; `runs` has those of others."""
    if name in AS_IT_IS:
        return source
    kinds = {stage["kind"] for stage in stages_of(source)}
    source = fewer(source, keep_seeds=bool(kinds & OF_SEEDS)) | {"name": name}
    for start, change in INSTEAD.items():
        if name.startswith(start):
            change(source, runs)
    return source


def stages_of(source: Source) -> list[Source]:
    """All stages, those of repetitions too."""
    found: list[Source] = []
    for stage in source.get("stages", {}).values():
        found += stages_of(stage) if "each" in stage else [stage]
    return found


def fewer(value: Any, keep_seeds: bool) -> Any:
    """Every number and list by its key."""
    if isinstance(value, list):
        return [fewer(one, keep_seeds) for one in value]
    if not isinstance(value, dict):
        return value
    found = {key: fewer(one, keep_seeds) for key, one in value.items()}
    for key, one in found.items():
        if key in MOST and isinstance(one, int) and not isinstance(one, bool):
            found[key] = min(one, MOST[key])
        elif key == "programs" and isinstance(one, int):
            found[key] = min(one, PROGRAMS)
        elif key in FIXED and isinstance(one, type(FIXED[key])):
            found[key] = FIXED[key]
        elif key == "each" and not keep_seeds:
            found[key] = {name: values[: FIRST[key]] for name, values in one.items()}
        elif key in FIRST and isinstance(one, list):
            found[key] = one[: FIRST[key]]
    if isinstance(found.get("n"), dict):
        found["minimum"] = 0
    if isinstance(found.get("options"), dict):
        found["options"].pop("minimum", None)  # it is of tasks, not of what makes them
    return found | BY_KIND.get(str(found.get("kind")), {})


def with_smollm2(source: Source, runs: Path) -> None:
    """Problems that SmolLM2 solves some of, without the benchmarks of a hub."""
    without_harness(source["stages"])
    first = next(iter(source["stages"]))
    source["stages"][first] = {"kind": "load", "source": "smollm2", "dtype": "float32"}
    for stage in stages_of(source):
        if stage["kind"] == "problems":
            options = {"templates": "recipes/templates/products.yaml", "steps": [1]}
            fewest = {"n": {"train": 4, "validation": 1, "test": 2}}
            stage |= {"name": "word-problems", "options": options | fewest}
        elif stage["kind"] == "pivots":
            stage |= {"samples": 4, "right_share": 0.5}
        elif stage["kind"] == "localise":  # after so few steps all is open that began so
            stage |= {"first": 0, "share": 1.0, "learning_rate": 0.05, "epochs": 5}
            if "penalties" in stage:  # enough steps for a gate to open, and not all closed
                stage |= {"penalties": [1e-4], "unchanged": 0, "batch_size": 4}
        elif stage["kind"] == "amplify":
            stage["steps"] = 2
        if "limit" in stage:
            stage["limit"] = 60


def without_harness(stages: Source) -> None:
    for name, stage in list(stages.items()):
        if "each" in stage:
            without_harness(stage["stages"])
        elif stage["kind"] == "harness":
            del stages[name]


def an_adder(source: Source, runs: Path) -> None:
    """The small adder for a model of billions, and another of its tasks for text."""
    stages = source["stages"]
    stages["model"] = {"kind": "base"} | BY_KIND["base"]
    stages["addition"]["options"] = {"held_out": True}
    stages["text"] = stages["addition"] | {"name": "subtraction"}


def compared(source: Source, runs: Path) -> None:
    """Methods that take a pass for every edge and example."""
    source |= {"model": "smollm2", "verify": {"random_seeds": 1}}
    for task in source["tasks"].values():
        task["n"] = {"train": 16, "validation": 8, "test": 12, "reference": 8}
    for label, method in source["methods"].items():
        if method["scores"]["kind"] == "mask":
            method["scores"] |= {"steps": 6, "batch_size": 8}
        circuits = method.get("circuits", {})
        if label == "attribution-leaves":  # of fewer nodes than a mask leaves after so few steps
            del circuits["same-size"]
        for circuit in circuits.values():
            if "rival" in circuit:
                circuit["precision"] = 0.2


def of_another_run(source: Source, runs: Path) -> None:
    """The model of a recipe that stays as it is, and three of the twenty tasks."""
    source["model"] = str(runs / "sparse-2min" / "stages" / "model")
    source["tasks"] = dict(list(source["tasks"].items())[:3])


INSTEAD: dict[str, Callable[[Source, Path], None]] = {
    "paper1-qwen": an_adder,
    "paper2-": with_smollm2,
    "amplify-": with_smollm2,
    "paper5-": compared,
    "sparse-circuits": of_another_run,
}

if __name__ == "__main__":
    main()
