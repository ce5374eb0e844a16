"""Drawing a run's progress in a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from .runs import Watcher


@contextmanager
def drawn(console: Console) -> Iterator[Watcher]:
    """A bar for each running stage, a line for each that ended; plain lines if not a terminal."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        current: dict[str, TaskID] = {}

        def watch(event: str, stage: str, **details: Any) -> None:
            if event in ("done", "failed") and stage in current:
                bars.remove_task(current.pop(stage))
            if event == "start":
                current[stage] = bars.add_task(stage, total=1)
            elif event == "progress":
                done, total = details.pop("done"), details.pop("total")
                words = "  ".join([stage, *map(_words, details.items())])
                bars.update(current[stage], completed=done, total=total, description=words)
            elif event == "done":
                console.print(f"  {stage:<16} {details['seconds']:6.1f} s", highlight=False)
            elif event == "failed":
                console.print(f"  {stage:<16} not finished", highlight=False)
            elif event == "unreached":
                console.print(f"  {stage:<16} not reached: {details['why']}", markup=False)
            elif event == "reused":
                console.print(f"  {stage:<16}   reused", highlight=False)

        yield watch


def _words(number: tuple[str, float]) -> str:
    name, value = number
    written = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}"
    return f"{name.replace('_', ' ')} {written}"
