"""Every circuit in every model, as a matrix."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from .._text import percent
from .._transfer import Cell, Transfer
from ._source import Source, read
from ._style import WIDTH, drawn, panels, plain

_CELL = 0.42
COLOURS = "cividis"
"""Even in lightness, and seen alike by colour-blind readers."""


@drawn
def transfer(source: Source, *, width: float = WIDTH) -> Figure:
    """What each circuit recovers in each model; in brackets what the replacement alone leaks.

    Args:
        source: the folder of a run with `transfer` stages, a `verify.Transfer`, or several by
            name.
        width: inches.

    Raises:
        RunError: there is no matrix, or what is given is damaged.
    """
    found = [(name, Transfer.of(fields)) for name, fields in read(source, ["transfer"])]
    heights = [_CELL * len(one.rows) + 0.6 for _, one in found]
    figure, plots = panels(width, sum(heights) + 0.5, len(found), height_ratios=heights)
    for axes, (name, one) in zip(plots, found, strict=True):
        _matrix(axes, one)
        title = f"{name}: {one.words}" if name else one.words
        axes.set_title(plain(title, 100), loc="left")
    scale = ScalarMappable(Normalize(0, 1), COLOURS)
    bar = figure.colorbar(scale, ax=plots, label="accuracy", fraction=0.05)
    bar.set_ticks([0, 0.5, 1], labels=["0%", "50%", "100%"])
    return figure


def _matrix(axes: Axes, found: Transfer) -> None:
    models, rows = found.models, found.rows
    values = np.full((len(rows), len(models)), np.nan)
    for y, (_, cells) in enumerate(rows):
        for x, model in enumerate(models):
            if model in cells:
                values[y, x] = cells[model].alone.value
                _words(axes, x, y, cells[model])
    axes.imshow(values, cmap=COLOURS, vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(models)), [plain(model, 24) for model in models])
    axes.set_yticks(range(len(rows)), _circuits(rows))
    axes.set_xlabel("run in")
    axes.set_ylabel("circuit of")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _circuits(rows: Sequence[tuple[str, dict[str, Cell]]]) -> list[str]:
    sizes = [next(iter(cells.values())).size for _, cells in rows]
    names = [plain(name, 24) for name, _ in rows]
    return [f"{name}\n{size:,} nodes" for name, size in zip(names, sizes, strict=True)]


def _words(axes: Axes, x: int, y: int, cell: Cell) -> None:
    colour = "black" if cell.alone.value > 0.55 else "white"
    weight = "bold" if cell.own else "normal"
    words = f"{percent(cell.alone.value)}\n({percent(cell.empty.value)})"
    axes.text(x, y, words, ha="center", va="center", color=colour, fontsize=7, fontweight=weight)
