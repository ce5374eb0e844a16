"""The recipes that the commands `find`, `verify` and `extract` stand for."""

import json
from pathlib import Path
from typing import Any

from ..errors import CircuitError, RunError


def find_recipe(
    model: str,
    task: str,
    *,
    n: int | None = None,
    seed: int = 0,
    criterion: str = "",
    minimum: float = 0.5,
    universe: str = "mlp.post_act,attn.z:head",
    replacement: str = "mean",
    target: float = 0.9,
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """From a model and a task to the smallest circuit that keeps the target.

    Args:
        model: an alias, a folder, a `.gguf` file or a hub id.
        task: a built-in task, or the path of a JSONL file.
        n, seed, criterion, minimum: as in a `task` stage.
        universe: the nodes in play.
        replacement: under which the circuit is sized.
        target: accuracy to keep, as a part of the full model's.
        settings: further keys of the `find` stage; its baseline is the replacement, if not given.
    """
    own = replacement if replacement in ("mean", "zero") else "counterfactual"
    settings = {"baseline": own} | (settings or {})  # a score serves best under its replacement
    stages: dict[str, Any] = {
        "model": {"kind": "load", "source": model},
        "task": {
            "kind": "task",
            "name": found_task(task),
            "n": n,
            "seed": seed,
            "minimum": minimum,
        },
    }
    if criterion:
        stages["task"]["criterion"] = criterion
    if "mean" in (replacement, settings["baseline"]):
        stages["means"] = {"kind": "means", "universe": universe}
    stages["scores"] = {"kind": "find", "universe": universe} | settings
    stages["frontier"] = {"kind": "frontier", "replacement": replacement, "target": target}
    stages["circuit"] = {"kind": "select", "target": target}
    return {"name": f"{Path(model).stem}-{Path(task).stem}", "stages": stages}


def condition_recipe(
    model: str,
    task: str,
    *,
    channels: float,
    n: int | None = None,
    seed: int = 0,
    anchor: str = "text",
    minimum: float = 0.5,
    target: float = 0.9,
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """From a model and a task to a model whose circuit is small, and to that circuit.

    Args:
        model: an alias, a folder, a `.gguf` file or a hub id.
        task: a built-in task, or the path of a JSONL file.
        channels: share of the MLP channels that is to be enough; 0 trains as the paper does,
            without the masked term and without an anchor.
        n, seed, minimum: as in a `task` stage.
        anchor: the task that the model should stay as it is on.
        target: accuracy that it must hold, and the part of it that the circuit must keep.
        settings: further keys of the `condition` stage.
    """
    name, elsewhere = found_task(task), found_task(anchor)
    ours = {"masked": 1.0, "anchor": 1.0, "keep": channels, "channels": channels}
    ours |= {"start": max(channels, 0.2), "anchors": ["anchor"], "recovery": target}
    stages: dict[str, Any] = {
        "model": {"kind": "load", "source": model},
        "task": {"kind": "task", "name": name, "n": n, "seed": seed, "minimum": minimum},
    }
    stages |= _sized("base-", "model", target)
    if channels:
        stages["anchor"] = {"kind": "task", "name": elsewhere, "minimum": 0.0}
    small = {"batch_size": 32, "masked_batch": 32, "anchor_batch": 4}  # for a machine of few cores
    stages["conditioned"] = {
        "kind": "condition",
        **small,
        "model": "model",
        "task": "task",
        "target": target,
        **(ours if channels else {}),
        **(settings or {}),
    }
    stages |= _sized("", "conditioned", target)
    stages["circuit"] = {"kind": "select", "scores": "scores", "target": target, "task": "task"}
    return {"name": f"{Path(model).stem}-{Path(task).stem}-conditioned", "stages": stages}


def found_task(task: str) -> str:
    """A task's name, or the full path of its file, so that the recipe runs from anywhere."""
    return str(Path(task).resolve()) if Path(task).is_file() else task


def _sized(before: str, model: str, target: float) -> dict[str, Any]:
    """Scores of a model's MLP channels, and its frontier under zero replacement."""
    read = {"model": model, "task": "task"}
    return {
        f"{before}scores": {"kind": "find", "universe": "mlp.post_act", "baseline": "zero"} | read,
        f"{before}frontier": {
            "kind": "frontier",
            "scores": f"{before}scores",
            "replacement": "zero",
            "target": target,
        }
        | read,
    }


def recipe_of(place: str | Path) -> dict[str, Any]:
    """The recipe of a finished run's folder, or one that brings in a circuit's folder.

    Raises:
        RunError: the folder is neither.
        CircuitError: a circuit's file does not say which model and task it belongs to.
    """
    place = Path(place)
    if (place / "recipe.json").is_file():
        try:
            return json.loads((place / "recipe.json").read_text(encoding="utf-8"))
        except ValueError as error:
            raise RunError(f"{place / 'recipe.json'} is damaged: {error}") from error
    if not (place / "circuit_config.json").is_file():
        raise RunError(
            f"{place} is neither a run (no recipe.json) nor a circuit (no circuit_config.json)"
        )
    config = json.loads((place / "circuit_config.json").read_text(encoding="utf-8"))
    task = config.get("origin", {}).get("task_config")
    if not task or not config.get("model"):
        raise CircuitError(
            f"the circuit in {place} does not say which model and task it belongs to: write a "
            "recipe with a `circuit` stage instead"
        )
    keys = ("name", "n", "seed", "criterion")
    known = {key: task[key] for key in keys if key in task}
    options = {key: value for key, value in task.items() if key not in known}
    return {
        "name": place.name,
        "stages": {
            "model": {"kind": "load", "source": config["model"]["name"]},
            "task": {"kind": "task", "minimum": 0.0, "options": options} | known,
            "circuit": {"kind": "circuit", "path": str(place.resolve())},
        },
    }


def with_stages(recipe: dict[str, Any], stages: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The recipe with stages added at its end, in place of those of the same name."""
    kept = {name: entry for name, entry in recipe["stages"].items() if name not in stages}
    return recipe | {"stages": kept | stages}
