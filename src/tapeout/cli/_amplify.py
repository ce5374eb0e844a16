"""The command amplify."""

import shutil
from pathlib import Path
from typing import Literal

from ._app import Positional, app, run_and_show, say_next


@app.command(name="amplify")
def amplify(
    model: Positional[str],
    problems: Positional[str] = "word-problems",
    /,
    *,
    method: Literal["branching", "prefix"] = "branching",
    pairs: int = 400,
    rates: tuple[float, ...] = (1e-2, 1e-3),
    steps: int = 50,
    limit: int = 256,
    control: bool = True,
    to: Path | None = None,
    out: Path | None = None,
    seed: int = 0,
) -> None:
    """Make a copy of MODEL solve more PROBLEMS, by an update of a few of its components.

    Finds the tokens at which its wrong solutions leave right ones, the heads and neurons that
    promote the right token there, and updates only those. MODEL itself is not changed; what
    changed is in a delta file beside the new model (`tapeout delta`).

    Args:
        model: An alias (smollm2), a folder, a .gguf file or a Hugging Face id.
        problems: `word-problems`, or a JSONL file of questions and worked answers as GSM8K's.
        method: How the tokens are found; `prefix` is quicker and less exact.
        pairs: The most pairs of tokens to look for.
        rates: Learning rates to choose from on the validation problems.
        steps: Of the update.
        limit: The most tokens of a solution.
        control: Also update as many random components, to compare with.
        to: Also copy the new model and its delta to this folder.
        out: The run's folder; by default runs/MODEL-PROBLEMS-amplified.
        seed: Of problems, samples, masks and steps.
    """
    from ..runs import amplify_recipe

    recipe = amplify_recipe(
        model,
        problems,
        method=method,
        pairs=pairs,
        rates=rates,
        steps=steps,
        limit=limit,
        seed=seed,
        control=control,
    )
    folder = out or Path("runs") / str(recipe["name"])
    finished = run_and_show(recipe, folder)
    place = finished["amplified"].folder
    if to is not None:
        keep = shutil.ignore_patterns("stage.json", "curve.jsonl")
        shutil.copytree(place, to, dirs_exist_ok=True, ignore=keep)
    say_next(f"tapeout delta info {to or place}", "to see what changed; `revert` takes it back")
