"""The recipe that the command `decompose` stands for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any


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
