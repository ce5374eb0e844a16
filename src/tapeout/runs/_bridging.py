"""The recipe that the command `bridge` stands for."""

from pathlib import Path
from typing import Any

from ..errors import RecipeError
from ._quick import recipe_of, with_stages
from .stages import DENSE

BRIDGED, STEERED = "bridged", "steered"


def bridge_recipe(
    dense: str,
    *,
    task: str = "",
    together: int = 1,
    texts: str = "",
    n: int = 2000,
    settings: dict[str, Any],
) -> dict[str, Any]:
    """From a dense model to a sparse one with bridges, and to the dense one steered.

    Args:
        dense: a run's folder, whose last model and corpus are taken; or an alias, a folder, a
            `.gguf` file or a hub id.
        task: between whose answers it is steered; empty for none.
        together: channels that are steered at once.
        texts: a task whose prompts and answers are read instead of a corpus.
        n: of these, how many to train on.
        settings: further keys of the `bridge` stage.

    Raises:
        RecipeError: the run has no dense model, or there is nothing to read.
    """
    if (Path(dense) / "recipe.json").is_file():
        recipe = recipe_of(dense)
    else:
        name = f"{Path(dense).stem}-bridged"
        recipe = {"name": name, "stages": {"dense": {"kind": "load", "source": dense}}}
    kinds = {name: entry["kind"] for name, entry in recipe["stages"].items()}
    models = [name for name, kind in kinds.items() if kind in DENSE]
    if not models:
        raise RecipeError(f"the run {dense} has no model to build bridges to")
    model = models[-1]
    stages: dict[str, Any] = {BRIDGED: {"kind": "bridge", "dense": model} | settings}
    if texts:
        stages = _texts(texts, n, model) | stages
        stages[BRIDGED] |= {"corpus": "bridged-texts", "bigrams": "none"}
    elif "corpus" not in kinds.values():
        raise RecipeError(
            f"{dense} brings no text: name a task whose prompts and answers are read (--texts), or "
            "the folder of a run with a corpus"
        )
    if task:
        between = {"kind": "task", "name": task, "model": model, "minimum": 0.0}
        read = {"dense": model, "bridge": BRIDGED, "task": "steered-task"}
        stages |= {"steered-task": between, STEERED: {"kind": "steer", "together": together} | read}
    return with_stages(recipe, stages)


def _texts(texts: str, n: int, model: str) -> dict[str, Any]:
    """A task's prompts and answers as a corpus; a tenth as many again to measure on."""
    counts = {"train": n, "validation": max(n // 10, 1), "test": 1, "reference": 1}
    task = {"kind": "task", "name": texts, "n": counts, "model": model, "minimum": 0.0}
    read = {"model": model, "task": "bridged-texts-task"}
    return {"bridged-texts-task": task, "bridged-texts": {"kind": "texts"} | read}
