"""The command line: parses, calls one function, prints a table."""

import shutil
import sys
from pathlib import Path
from typing import Any, Literal

import tyro
from rich.console import Console
from rich.table import Table

from . import looks
from .errors import RecipeError, TapeoutError

Positional = tyro.conf.Positional
app = tyro.extras.SubcommandApp()


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
    from .runs import find_recipe

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
    _run(recipe, folder)
    _next(f"tapeout verify {folder}", "to prove it on the test split")


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
    from .runs import recipe_of, with_stages

    recipe = recipe_of(run)
    if model:
        recipe = with_stages(recipe, {"model": recipe["stages"]["model"] | {"source": model}})
    name = f"proof-{replacement}" if replacement else "proof"
    stage = {"kind": "verify", "replacement": replacement, "split": split, "ar": ar}
    folder = out or _beside(run, "proof")
    _run(with_stages(recipe, {name: stage | {"transfer": transfer}}), folder, only={name})
    _next(f"tapeout extract {folder}", "to cut it out as a model of its own")


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
    from .runs import recipe_of, with_stages

    stages = {
        "small": {"kind": "extract", "replacement": replacement, "layout": layout},
        "speed": {"kind": "measure"},
    }
    folder = out or _beside(run, "model")
    finished = _run(with_stages(recipe_of(run), stages), folder, only={"speed"})
    place = finished["small"].folder
    if to is not None:
        shutil.copytree(place, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns("stage.json"))
        place = to
    _next(f'tapeout.load("{place}")', "to use it in Python")


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
    from .runs import condition_recipe

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
    finished = _run(recipe, folder)
    if to is not None:
        keep = shutil.ignore_patterns("stage.json", "curve.jsonl")
        shutil.copytree(finished["conditioned"].folder, to, dirs_exist_ok=True, ignore=keep)
    _next(f"tapeout verify {folder}", "to prove the circuit on the test split")


def _share(text: str) -> float:
    """`2%` or `0.02`."""
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise RecipeError(f"{text!r} is not a share: write one such as 2% or 0.02")
    return value


@app.command(name="run")
def run(
    recipe: Positional[Path],
    /,
    *,
    out: Path | None = None,
    dry_run: bool = False,
) -> None:
    """Run a recipe; what is finished already is not run again.

    Args:
        recipe: A YAML file.
        out: The run's folder; by default runs/NAME.
        dry_run: Check the recipe and show what would run.
    """
    from .runs import read_recipe

    parsed = read_recipe(recipe)
    folder = out or Path("runs") / parsed.name
    if dry_run:
        _planned(parsed, folder)
        return
    _run(parsed.source, folder)


@app.command(name="compare")
def compare(
    comparison: Positional[Path],
    /,
    *,
    out: Path | None = None,
    model: str = "",
    dry_run: bool = False,
) -> None:
    """Put methods side by side: every method on every task, at equal data, replacement and size.

    Args:
        comparison: A YAML file with a model, tasks and methods (see recipes/).
        out: The run's folder; by default runs/NAME.
        model: Compare on this model instead.
        dry_run: Check the comparison and show what would run.
    """
    from .progress import drawn
    from .report import methods_table, write_methods_page
    from .runs import (
        comparison_recipe,
        comparison_rows,
        read_comparison,
        run_recipe,
        write_comparison,
    )

    wanted = read_comparison(comparison, model=model)
    recipe, folder = comparison_recipe(wanted), out or Path("runs") / wanted.name
    if dry_run:
        _planned(recipe, folder)
        return
    console = Console()
    with drawn(console) as watch:
        finished = run_recipe(recipe, folder, watch)
    rows = comparison_rows(wanted, finished)
    console.print(methods_table(rows))
    for path in (
        write_comparison(folder, wanted.name, rows),
        write_methods_page(folder, wanted.name, rows),
    ):
        console.print(f"written: {path}", markup=False, highlight=False)


@app.command(name="runs")
def runs(folder: Positional[Path] = Path("runs"), /) -> None:
    """List the runs in a folder.

    Args:
        folder: Where runs lie side by side.
    """
    from .runs import list_runs

    table = Table("run", "recipe", "stages", "circuit", "recovery", "written", title=str(folder))
    for row in list_runs(folder):
        table.add_row(*row)
    Console().print(table)


app.command(name="tasks")(looks.tasks)
app.command(name="models")(looks.models)
app.command(name="show")(looks.show)


def _planned(recipe: Any, folder: Path) -> None:
    """Print what a recipe would run."""
    from .runs import dry_run as plan

    table = Table("stage", "kind", "reads", "state", title=f"{recipe.name}: nothing was run")
    for row in plan(recipe, folder):
        table.add_row(*row)
    Console().print(table)


def _beside(place: Path, suffix: str) -> Path:
    """A run is added to; a circuit's own folder is left as it is."""
    return place if (place / "recipe.json").is_file() else place.with_name(f"{place.name}-{suffix}")


def _run(source: dict[str, Any], folder: Path, only: set[str] | None = None) -> dict[str, Any]:
    """Run a recipe with a progress bar, print its tables, write its report."""
    from .progress import drawn
    from .report import tables_of, write_report
    from .runs import parse_recipe, run_recipe

    console = Console()
    with drawn(console) as watch:
        finished = run_recipe(parse_recipe(source), folder, watch)
    stages = {
        name: {"kind": item.planned.stage.kind, "metrics": item.metrics}
        for name, item in finished.items()
        if only is None or name in only
    }
    for table in tables_of(stages):
        console.print(table)
    console.print(f"report: {write_report(folder)}", markup=False, highlight=False)
    return finished


def _next(command: str, why: str) -> None:
    Console().print(f"next: {command}  ({why})", markup=False, highlight=False)


def main() -> None:
    """Entry point of the `tapeout` command."""
    try:
        app.cli(prog="tapeout", description="Find, prove and cut out circuits of language models.")
    except TapeoutError as error:
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False)
        sys.exit(2)
    except KeyboardInterrupt:
        message = "interrupted: the same command goes on from here"
        Console(stderr=True).print(message, markup=False)
        sys.exit(130)


if __name__ == "__main__":
    main()
