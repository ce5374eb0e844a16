"""Every recipe made small, so that each can be run, and its page looked at, on one machine in an hour.

    python benchmarks/small_recipes.py FOLDER recipes/*.yaml
    for recipe in FOLDER/*.yaml; do tapeout run $recipe --out FOLDER/runs/$(basename $recipe .yaml); done
    python benchmarks/browse_reports.py FOLDER/runs/*

(of those that compare methods `tapeout compare $recipe`).

Stages and what they read stay as they are; steps, examples, problems, seeds and widths get fewer, and
models that need a hub or a GPU give way to ones that are here. What such a run finds means nothing.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

MOST: dict[str, float] = {
    "steps": 16, "epochs": 1, "ramp": 8, "validate_every": 4, "train": 96, "validation": 24, "test": 32,
    "reference": 16, "pairs": 48, "learn": 16, "sample": 16, "scored": 32, "count": 8, "moved": 2,
    "megabytes": 4, "learned_from": 2, "tokenizer_programs": 4000, "layers": 2, "d_model": 128,
    "d_head": 16, "length": 128, "batch_size": 32, "masked_batch": 32, "anchor_batch": 8,
    "crossing": 2, "bisections": 1, "random_seeds": 1, "digits": 3,
}  # fmt: skip
FEWER = {"each": 1, "seeds": 1, "rates": 2, "penalties": 1, "shares": 5}
"""How many are left of a list: its first, or of `shares` every so manieth."""
TRAINED = {"base": {"steps": 340}, "reasoner": {"steps": 600}, "train": {"steps": 120}}
"""Models that have to know something for what is asked of them to have an answer."""
TOYS = ("toy", "directions")
"""Kinds that are about several seeds, whose stages are told apart by them."""

Source = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("recipes", type=Path, nargs="+")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    for path in asked.recipes:
        source = yaml.safe_load(path.read_text(encoding="utf-8"))
        text = yaml.safe_dump(small(source, path.stem), sort_keys=False)
        (asked.folder / path.name).write_text(text, encoding="utf-8")
    print(f"{len(asked.recipes)} recipes in {asked.folder}")


def small(source: Source, name: str) -> Source:
    """The recipe with fewer of everything, and models that are here."""
    kinds = {stage.get("kind") for stage in stages_of(source)}
    keep = {"each"} if kinds & set(TOYS) else set()
    source = fewer(source, keep)
    source["name"] = name
    for start, change in INSTEAD.items():
        if name.startswith(start):
            change(source)
    return source


def stages_of(source: Source) -> list[Source]:
    """All stages, those of a repetition too."""
    found: list[Source] = []
    for stage in source.get("stages", {}).values():
        found += stages_of(stage) if "each" in stage else [stage]
    return found


def fewer(value: Any, keep: set[str]) -> Any:
    if isinstance(value, list):
        return [fewer(one, keep) for one in value]
    if not isinstance(value, dict):
        return value
    found = {key: fewer(one, keep) for key, one in value.items()}
    for key, one in found.items():
        if isinstance(one, int | float) and not isinstance(one, bool) and key in MOST:
            found[key] = min(one, int(MOST[key]))
        elif key == "each" and key not in keep:
            found[key] = {name: values[: FEWER[key]] for name, values in one.items()}
        elif isinstance(one, list) and key in FEWER and key not in keep:
            found[key] = (
                one[:: max(1, len(one) // FEWER[key])] if key == "shares" else one[: FEWER[key]]
            )
    if isinstance(found.get("programs"), int) and found["programs"] > 1:
        found["programs"] = min(found["programs"], 4000)
    if isinstance(found.get("n"), dict):
        found["minimum"] = 0
    return found | TRAINED.get(str(found.get("kind")), {})


def of_the_hub(source: Source) -> None:
    """Problems that SmolLM2 solves some of, written behind worked examples."""
    source["stages"]["model"] = {"kind": "load", "source": "smollm2", "dtype": "float32"}
    without_harness(source["stages"])
    for stage in stages_of(source):
        if stage["kind"] == "problems":
            fewest = {"train": 6, "validation": 1, "test": 2}
            options = {"templates": "recipes/templates/products.yaml", "steps": [1], "n": fewest}
            stage |= {"name": "word-problems", "options": options}
        if "limit" in stage:
            stage["limit"] = 60
        if stage["kind"] == "pivots":
            stage |= {"samples": 4, "right_share": 0.5}
        if stage["kind"] in ("amplify", "tune"):
            stage |= {"steps": 2, "rows": 8} if stage["kind"] == "amplify" else {}


def without_harness(stages: Source) -> None:
    """Its benchmarks come from a hub."""
    for name, stage in list(stages.items()):
        if "each" in stage:
            without_harness(stage["stages"])
        elif stage["kind"] == "harness":
            del stages[name]


def few_problems(source: Source) -> None:
    for stage in stages_of(source):
        if stage["kind"] == "problems":
            stage["options"]["n"] = {"train": 8, "validation": 1, "test": 2}
        if stage["kind"] == "amplify":
            stage["steps"] = 2
        stage.pop("least_answered", None)


def an_adder(source: Source) -> None:
    """The small adder in the place of a model of billions; what is held is another of its tasks."""
    stages = source["stages"]
    stages["model"] = {"kind": "base", "steps": 340}
    stages["addition"] |= {"options": {"held_out": True}}
    stages["text"] = stages["addition"] | {"name": "subtraction"}
    for stage in stages_of(source):
        stage.pop("precision", None)


def smollm2(source: Source) -> None:
    source["model"] = "smollm2"


def on_this_machine(source: Source) -> None:
    for stage in stages_of(source):
        stage.pop("precision", None)


def of_a_model_that_reads_quotes(source: Source) -> None:
    """The model of `recipes/sparse-2min.yaml` as it is, and three of the twenty tasks."""
    source["model"] = "runs/sparse-2min/stages/model"
    source["tasks"] = dict(list(source["tasks"].items())[:3])


INSTEAD: dict[str, Callable[[Source], None]] = {
    "paper1-qwen": an_adder,
    "paper2-": of_the_hub,
    "amplify-": few_problems,
    "paper3-": on_this_machine,
    "paper5-": smollm2,
    "sparse-circuits": of_a_model_that_reads_quotes,
}

if __name__ == "__main__":
    sys.exit(main())
