"""The recipes that the command `decompose` stands for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ._quick import found_task


def decompose_recipe(
    model: str,
    parameters: Sequence[str],
    *,
    source: str = "docstrings",
    windows: int = 2000,
    length: int = 8,
    gradients: dict[str, Any],
    settings: dict[str, Any],
    seeds: Sequence[int] = (0,),
) -> dict[str, Any]:
    """From a model and names of parameters to directions beside others.

    Args:
        model: an alias, a folder, a `.gguf` file or a hub id.
        parameters: names or globs.
        source: of the text, as in the task `text`.
        windows: to learn from; a quarter as many again to choose settings on, and as many to test.
        length: tokens of a window.
        gradients: further keys of the `gradients` stage.
        settings: keys of the `decompose` stages.
        seeds: of a decomposition each.
    """
    fewer = max(windows // 4, 2)
    counts = {"train": windows, "validation": fewer, "test": fewer, "reference": 1}
    where = str(Path(source).resolve()) if Path(source).is_file() else source
    text = {"kind": "task", "name": "text", "n": counts, "minimum": 0.0}
    stages: dict[str, Any] = {
        "model": {"kind": "load", "source": model},
        "text": text | {"options": {"source": where, "length": length}},
        "gradients": {"kind": "gradients", "parameters": list(parameters)} | gradients,
    }
    stages |= {f"learned-{seed}": {"kind": "decompose", "seed": seed} | settings for seed in seeds}
    stages["compared"] = {"kind": "directions"}
    return {"name": f"{Path(model).stem}-decomposed", "stages": stages}


def contrast_recipe(
    model: str,
    task: str,
    parameters: Sequence[str],
    *,
    n: int | None = None,
    seed: int = 0,
    minimum: float = 0.5,
    universe: str = "mlp.post_act,attn.z:head",
    most: int = 10,
    target: float = 0.9,
    gradients: dict[str, Any] | None = None,
    settings: dict[str, Any],
    seeds: Sequence[int] = (0,),
) -> dict[str, Any]:
    """From a task's contrastive pairs to directions, and to the circuit that holds their energy.

    The circuit is proved on the task, and a circuit of its size that attribution finds says how
    much of the directions it holds.

    Args:
        model: an alias, a folder, a `.gguf` file or a hub id.
        task: a built-in task, or the path of a JSONL file, with counterfactuals.
        parameters: names or globs.
        n, seed, minimum: as in a `task` stage.
        universe: the nodes in play, heads and MLP channels.
        most: directions that count, those that bear most on the pairs; 0 for all that are alive.
        target: accuracy to keep, as a part of the full model's.
        gradients: further keys of the `contrast` stage.
        settings: keys of the `decompose` stages.
        seeds: of a decomposition each; the first one's directions are looked at.
    """
    name = found_task(task)
    chosen = {"decomposition": f"learned-{seeds[0]}", "most": most}
    by = {"kind": "find", "universe": universe, "baseline": "counterfactual"}
    stages: dict[str, Any] = {
        "model": {"kind": "load", "source": model},
        "task": {"kind": "task", "name": name, "n": n, "seed": seed, "minimum": minimum},
        "pairs": {"kind": "contrast", "parameters": list(parameters)} | (gradients or {}),
    }
    stages |= {f"learned-{one}": {"kind": "decompose", "seed": one} | settings for one in seeds}
    stages |= {
        "energy": {"kind": "energy", "universe": universe} | chosen,
        "frontier": {"kind": "frontier", "replacement": "counterfactual", "target": target},
        "circuit": {"kind": "select", "scores": "energy", "target": target},
        "proof": {"kind": "verify", "circuit": "circuit"},
        "attribution": by,
        "by-attribution": {"kind": "select", "scores": "attribution", "like": "circuit"},
        "covered": {"kind": "coverage", "circuit": "by-attribution"} | chosen,
    }
    return {"name": f"{Path(model).stem}-{Path(task).stem}-decomposed", "stages": stages}
