"""What every command shares: the app, a run that is drawn and reported, a word on what is next."""

from pathlib import Path
from typing import Any

import tyro
from rich.console import Console

Positional = tyro.conf.Positional
app = tyro.extras.SubcommandApp()


def beside(place: Path, suffix: str) -> Path:
    """A run is added to; a circuit's own folder is left as it is."""
    return place if (place / "recipe.json").is_file() else place.with_name(f"{place.name}-{suffix}")


def run_and_show(
    source: dict[str, Any], folder: Path, only: set[str] | None = None, *, jobs: int = 1
) -> dict[str, Any]:
    """Run a recipe with a progress bar, print its tables, write its report."""
    from ..progress import drawn
    from ..report import tables_of, write_report
    from ..runs import parse_recipe, run_recipe

    console = Console()
    with drawn(console) as watch:
        finished = run_recipe(parse_recipe(source), folder, watch, jobs=jobs)
    stages = {
        name: {"kind": item.planned.stage.kind, "metrics": item.metrics}
        for name, item in finished.items()
        if only is None or name in only
    }
    for table in tables_of(stages):
        console.print(table)
    console.print(f"report: {write_report(folder)}", markup=False, highlight=False)
    return finished


def say_next(command: str, why: str) -> None:
    Console().print(f"next: {command}  ({why})", markup=False, highlight=False)
