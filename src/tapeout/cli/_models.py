"""Commands that make models: condition, train."""

import shutil
from pathlib import Path
from typing import Literal

from ..errors import RecipeError
from ._app import Positional, app, run_and_show, say_next


@app.command(name="condition")
def condition(
    model: Positional[str],
    task: Positional[str],
    /,
    *,
    channels: str = "2%",
    anchor: str = "text",
    target: float = 0.9,
    steps: int = 250,
    rank: int = 32,
    learning_rate: float = 1e-3,
    precision: Literal["float32", "bfloat16"] = "float32",
    to: Path | None = None,
    out: Path | None = None,
    n: int | None = None,
    seed: int = 0,
    minimum: float = 0.5,
) -> None:
    """Train a copy of MODEL so that few MLP channels are enough for TASK.

    Measures how small the task's circuit is before and after. The model keeps what it does on the
    anchor; MODEL itself is not changed.

    Args:
        model: An alias (smollm2), a folder, a .gguf file or a Hugging Face id.
        task: A built-in task (see `tapeout tasks`) or a JSONL file of your own.
        channels: The share that is to be enough; 0 trains by the published recipe, without it.
        anchor: The task on which the model should stay as it is; `text` is plain English.
        target: Accuracy to hold, and the part of it that the circuit must keep.
        steps: Updates.
        rank: Of the adapter; 0 trains all weights of the layers.
        learning_rate: Of AdamW.
        precision: `bfloat16` computes products so, faster where the processor has it.
        to: Also copy the new model to this folder.
        out: The run's folder; by default runs/MODEL-TASK-conditioned.
        n: Train and test examples; the task's own default if left out.
        seed: Of examples, adapter and order.
        minimum: The least accuracy that the full model must have on the task.
    """
    from ..runs import condition_recipe

    settings = {"steps": steps, "rank": rank, "learning_rate": learning_rate, "seed": seed}
    recipe = condition_recipe(
        model,
        task,
        channels=_share(channels),
        n=n,
        seed=seed,
        anchor=anchor,
        minimum=minimum,
        target=target,
        settings=settings | {"precision": precision},
    )
    folder = out or Path("runs") / str(recipe["name"])
    finished = run_and_show(recipe, folder)
    if to is not None:
        keep = shutil.ignore_patterns("stage.json", "curve.jsonl")
        shutil.copytree(finished["conditioned"].folder, to, dirs_exist_ok=True, ignore=keep)
    say_next(f"tapeout verify {folder}", "to prove the circuit on the test split")


@app.command(name="train")
def train(
    source: Positional[str] = "python",
    /,
    *,
    density: str = "6.25%",
    steps: int = 500,
    layers: int = 2,
    d_model: int = 128,
    length: int = 128,
    batch_size: int = 16,
    learning_rate: float = 5e-3,
    megabytes: float = 16.0,
    to: Path | None = None,
    out: Path | None = None,
    seed: int = 0,
) -> None:
    """Train a weight-sparse transformer on source code, and a tokenizer for it.

    Most of its weights are zero, so that the circuits in it can be read. It knows the Python tasks
    of `tapeout tasks`, of which programs are mixed into the code.

    Args:
        source: A folder of source code; `python` is the running interpreter's own.
        density: The share of weights that stay; 1 trains a dense one by the same steps.
        steps: Updates.
        layers: Of the model.
        d_model: Channels of the residual stream; the MLPs have four times as many.
        length: Tokens of a window.
        batch_size: Windows of a step.
        learning_rate: Of AdamW, for a dense model; it rises as the model gets sparser.
        megabytes: The most source code to read.
        to: Also copy the model to this folder.
        out: The run's folder; by default runs/sparse-SOURCE.
        seed: Of weights and windows.
    """
    stages = {
        "corpus": {"kind": "corpus", "source": source, "megabytes": megabytes},
        "model": {
            "kind": "train",
            "density": _share(density),
            "steps": steps,
            "layers": layers,
            "d_model": d_model,
            "length": length,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "seed": seed,
        },
    }
    folder = out or Path("runs") / f"sparse-{Path(source).name}"
    finished = run_and_show({"name": folder.name, "stages": stages}, folder)
    if to is not None:
        keep = shutil.ignore_patterns("stage.json")
        shutil.copytree(finished["model"].folder, to, dirs_exist_ok=True, ignore=keep)
    place = to or finished["model"].folder
    say_next(f"tapeout find {place} single_double_quote", "to find one of its circuits")


def _share(text: str) -> float:
    """`2%` or `0.02`."""
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise RecipeError(f"{text!r} is not a share: write one such as 2% or 0.02")
    return value
