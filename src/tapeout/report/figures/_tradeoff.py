"""Methods against each other: what circuits cost against what they lose."""

import math
from collections.abc import Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .._fields import Fields
from ._source import Rows, rows_of
from ._style import WIDTH, drawn, legend, logarithmic, look, panels, plain, spread

ACROSS = {
    "edges": "edges kept, %",
    "heads": "heads kept, %",
    "size": "nodes or edges chosen",
}


@drawn
def tradeoff(
    source: Rows, *, across: Literal["edges", "heads", "size"] = "edges", width: float = WIDTH
) -> Figure:
    """KL from the full model over size, a plot for every task, with 95% intervals.

    Args:
        source: the folder of a comparison, its rows, or a committed result of one.
        across: what size is: the edges between kept heads and MLPs (of all), attention heads (of
            all), or what a method chose. Methods choose among different things, so that the last
            (`size`) of different methods does not compare.
        width: inches.

    Raises:
        RunError: there are no rows, or one lacks what is shown.
    """
    rows = [Fields(row, f"row {place}") for place, row in enumerate(rows_of(source))]
    rows = [row for row in rows if across == "size" or across in row]
    tasks = list(dict.fromkeys(row.text("task") for row in rows))
    names = list(dict.fromkeys(map(_name, rows)))
    columns = min(len(tasks), 3) or 1
    lines = math.ceil(len(tasks) / columns) or 1
    figure, plots = panels(width, 2.1 * lines, lines, columns, sharey=True)
    for axes, task in zip(plots, tasks, strict=False):
        _dots(axes, [row for row in rows if row.text("task") == task], names, across)
        axes.set_title(plain(task), loc="left")
    for axes in plots[len(tasks) :]:
        axes.set_visible(False)
    for place in range(0, len(plots), columns):
        plots[place].set_ylabel("KL from the full model, nats")
    for axes in plots[-columns:]:
        axes.set_xlabel(ACROSS[across])
    legend(figure, plots)
    return figure


def _name(row: Fields) -> str:
    return f"{row.text('method')}: {row.text('circuit')}"


def _dots(axes: Axes, rows: Sequence[Fields], names: Sequence[str], across: str) -> None:
    for row in rows:
        ends = (row.number(key) for key in ("kl", "kl_low", "kl_high"))
        value, low, high = ends
        if not math.isfinite(value):
            continue
        x = row.finite(across)
        x = x if across == "size" else 100 * x / max(row.finite(f"{across}_total"), 1)
        style = look(names.index(_name(row)))
        bars = spread([value], [low], [high])
        axes.errorbar(
            [x], [value], yerr=bars, linestyle="", capsize=2, label=plain(_name(row)), **style
        )
    logarithmic(axes, "x")
    if all(row.number("kl_low") > 0 for row in rows):
        logarithmic(axes, "y")
    axes.grid(axis="y")
