"""Commands about recipes and their runs: run, compare, runs."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ._app import Positional, app, run_and_show


@app.command(name="run")
def run(
    recipe: Positional[Path],
    /,
    *,
    out: Path | None = None,
    jobs: int = 1,
    dry_run: bool = False,
) -> None:
    """Run a recipe; what is finished already is not run again.

    Args:
        recipe: A YAML file.
        out: The run's folder; by default runs/NAME.
        jobs: How many stages to run at once, where none needs another; they share the cores.
        dry_run: Check the recipe and show what would run.
    """
    from ..runs import read_recipe

    parsed = read_recipe(recipe)
    folder = out or Path("runs") / parsed.name
    if dry_run:
        _planned(parsed, folder)
        return
    run_and_show(parsed.source, folder, jobs=jobs)


@app.command(name="compare")
def compare(
    comparison: Positional[Path],
    /,
    *,
    out: Path | None = None,
    model: str = "",
    jobs: int = 1,
    dry_run: bool = False,
) -> None:
    """Put methods side by side: every method on every task, at equal data, replacement and size.

    Args:
        comparison: A YAML file with a model, tasks and methods (see recipes/).
        out: The run's folder; by default runs/NAME.
        model: Compare on this model instead.
        jobs: How many stages to run at once, where none needs another; they share the cores.
        dry_run: Check the comparison and show what would run.
    """
    from ..progress import drawn
    from ..report import methods_table, write_methods_page
    from ..runs import (
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
    console, unreached = Console(), dict[str, str]()
    with drawn(console) as watch:
        finished = run_recipe(recipe, folder, watch, jobs=jobs, unreached=unreached)
    rows = comparison_rows(wanted, finished)
    console.print(methods_table(rows))
    for path in (
        write_comparison(folder, wanted.name, rows, unreached),
        write_methods_page(folder, wanted.name, rows, unreached),
    ):
        console.print(f"written: {path}", markup=False, highlight=False)


@app.command(name="runs")
def runs(folder: Positional[Path] = Path("runs"), /) -> None:
    """List the runs in a folder.

    Args:
        folder: Where runs lie side by side.
    """
    from ..runs import list_runs

    table = Table("run", "recipe", "stages", "circuit", "recovery", "written", title=str(folder))
    for row in list_runs(folder):
        table.add_row(*row)
    Console().print(table)


def _planned(recipe: Any, folder: Path) -> None:
    """Print what a recipe would run."""
    from ..runs import dry_run as plan

    table = Table("stage", "kind", "reads", "state", title=f"{recipe.name}: nothing was run")
    for row in plan(recipe, folder):
        table.add_row(*row)
    Console().print(table)
