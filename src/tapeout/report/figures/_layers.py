"""How much of every layer circuits keep."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...errors import RunError
from .._results import CIRCUITS
from .._text import part_words
from .._views import Sizes
from ._source import Source, read
from ._style import COLOURS, WIDTH, drawn, legend, panels, plain

_HEIGHT = 1.0


@drawn
def layers(source: Source, *, width: float = WIDTH) -> Figure:
    """Bars of what circuits keep, a plot for every kind of node (with its total) over the layers.

    Args:
        source: a run's folder, a `Circuit`, or several circuits by name.
        width: inches.

    Raises:
        RunError: there is no circuit of nodes, or what is given is damaged.
    """
    circuits = [(name, Sizes.of(fields)) for name, fields in read(source, CIRCUITS)]
    parts = list(dict.fromkeys(part for _, sizes in circuits for part in sizes.layers))
    if not parts:
        raise RunError("none of these circuits is one of nodes, with layers to draw")
    columns = 1 if len(parts) < 3 else 2
    rows = math.ceil(len(parts) / columns)
    figure, plots = panels(width, _HEIGHT * rows + 0.4, rows, columns, sharex=True)
    for axes, part in zip(plots, parts, strict=False):
        _bars(axes, part, circuits)
    for axes in plots[-columns:]:
        axes.set_xlabel("layer")
    for axes in plots[len(parts) :]:
        axes.set_axis_off()
    legend(figure, plots)
    return figure


def _bars(axes: Axes, part: str, circuits: list[tuple[str, Sizes]]) -> None:
    own = [(at, name, sizes) for at, (name, sizes) in enumerate(circuits) if part in sizes.layers]
    wide = 0.8 / len(own)
    for place, (series, name, sizes) in enumerate(own):
        rows = sizes.layers[part]
        at = [layer + (place - (len(own) - 1) / 2) * wide for layer, _ in rows]
        label = f"{plain(name)} ({sizes.size:,} nodes)" if name else f"{sizes.size:,} nodes"
        colour = COLOURS[series % len(COLOURS)]
        axes.bar(at, [k.kept for _, k in rows], wide, color=colour, label=label)
    whole = sum(kept.kept for _, kept in own[0][2].layers[part])
    total = sum(kept.total for _, kept in own[0][2].layers[part])
    share = f": {whole:,} of {total:,}" if len(own) == 1 else f", of {total:,}"
    axes.set_title(f"{plain(part_words(part))}{share}", loc="left")
    axes.set_ylabel("kept")
    axes.set_ylim(0, max(1.0, axes.get_ylim()[1]))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.grid(axis="y")
