"""Commands about one circuit: find, verify, extract."""

import shutil
from pathlib import Path
from typing import Literal

from ._app import Positional, app, beside, run_and_show, say_next


@app.command(name="find")
def find(
    model: Positional[str],
    task: Positional[str],
    /,
    *,
    out: Path | None = None,
    universe: str = "mlp.post_act,attn.z:head",
    replacement: Literal["mean", "zero", "counterfactual", "resample"] = "mean",
    target: float = 0.9,
    baseline: Literal["", "counterfactual", "zero", "mean"] = "",
    integrate: Literal["none", "inputs", "activations"] = "none",
    n: int | None = None,
    seed: int = 0,
    criterion: Literal["", "exact", "above_foil"] = "",
    minimum: float = 0.5,
) -> None:
    """Find the smallest circuit of MODEL that still does TASK.

    Scores every node on the task's train split, measures circuits of rising size on its
    validation split, and keeps the smallest that holds the target.

    Args:
        model: An alias (smollm2), a folder, a .gguf file or a Hugging Face id.
        task: A built-in task (see `tapeout tasks`) or a JSONL file of your own.
        out: The run's folder; by default runs/MODEL-TASK.
        universe: The nodes in play, as SITE or SITE:GRANULARITY, comma-separated.
        replacement: What nodes outside the circuit are given.
        target: The share of the full model's accuracy to keep.
        baseline: Score by gradient x (activation - this); by default the replacement.
        integrate: Average gradients along a path from the baseline.
        n: Train and test examples; the task's own default if left out.
        seed: Of the examples.
        criterion: When an example counts as right; the task's own if left out.
        minimum: The least accuracy that the full model must have on the task.
    """
    from ..runs import find_recipe

    settings = {"integrate": integrate} | ({"baseline": baseline} if baseline else {})
    recipe = find_recipe(
        model,
        task,
        n=n,
        seed=seed,
        criterion=criterion,
        minimum=minimum,
        universe=universe,
        replacement=replacement,
        target=target,
        settings=settings,
    )
    folder = out or Path("runs") / str(recipe["name"])
    run_and_show(recipe, folder)
    say_next(f"tapeout verify {folder}", "to prove it on the test split")


@app.command(name="verify")
def verify(
    run: Positional[Path],
    /,
    *,
    replacement: Literal["", "mean", "zero", "counterfactual", "resample"] = "",
    split: Literal["test", "validation", "train"] = "test",
    ar: Literal["auto", "generate"] = "auto",
    model: str = "",
    transfer: bool = False,
    out: Path | None = None,
) -> None:
    """Prove a circuit: recovery, necessity, and controls of the same size.

    Args:
        run: A run's folder, or a circuit's.
        replacement: What nodes outside are given; by default what the circuit was sized under.
        split: On which examples.
        ar: `auto` takes autoregressive accuracy by induction where exact, `generate` decodes.
        model: Prove it on this model instead (with --transfer, if its weights differ).
        transfer: Allow a circuit that was found in other weights of the same shape.
        out: Where to write; by default the run's folder, or CIRCUIT-proof for a circuit.
    """
    from ..runs import recipe_of, with_stages

    recipe = recipe_of(run)
    if model:
        recipe = with_stages(recipe, {"model": recipe["stages"]["model"] | {"source": model}})
    name = f"proof-{replacement}" if replacement else "proof"
    stage = {"kind": "verify", "replacement": replacement, "split": split, "ar": ar}
    folder = out or beside(run, "proof")
    run_and_show(with_stages(recipe, {name: stage | {"transfer": transfer}}), folder, only={name})
    say_next(f"tapeout extract {folder}", "to cut it out as a model of its own")


@app.command(name="extract")
def extract(
    run: Positional[Path],
    /,
    *,
    to: Path | None = None,
    replacement: Literal["", "mean", "zero"] = "",
    layout: Literal["per_layer", "uniform"] = "per_layer",
    out: Path | None = None,
) -> None:
    """Cut a circuit out as a smaller model, and measure what that gains.

    Args:
        run: A run's folder, or a circuit's.
        to: Also copy the model to this folder.
        replacement: What dropped nodes are given; by default what the circuit was sized under.
        layout: `per_layer` cuts each layer to its own size; `uniform` loads in stock transformers.
        out: Where to write; by default the run's folder, or CIRCUIT-model for a circuit.
    """
    from ..runs import recipe_of, with_stages

    stages = {
        "small": {"kind": "extract", "replacement": replacement, "layout": layout},
        "speed": {"kind": "measure"},
    }
    folder = out or beside(run, "model")
    finished = run_and_show(with_stages(recipe_of(run), stages), folder, only={"speed"})
    place = finished["small"].folder
    if to is not None:
        shutil.copytree(place, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns("stage.json"))
        place = to
    say_next(f'tapeout.load("{place}")', "to use it in Python")
