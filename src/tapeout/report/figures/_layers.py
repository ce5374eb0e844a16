"""How much of every layer circuits keep."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
    own = [(name, sizes) for name, sizes in circuits if part in sizes.layers]
    wide = 0.8 / len(own)
    for place, (name, sizes) in enumerate(own):
        rows = sizes.layers[part]
        at = [layer + (place - (len(own) - 1) / 2) * wide for layer, _ in rows]
        kept = dict(sizes.parts).get(part)
        label = f"{plain(name)} ({sizes.size:,} nodes)" if name else f"{sizes.size:,} nodes"
        colour = COLOURS[place % len(COLOURS)]
        axes.bar(at, [k.kept for _, k in rows], wide, color=colour, label=label)
        if len(own) == 1 and kept is not None:
            axes.set_title(plain(f"{part_words(part)}: {kept}"), loc="left")
    if len(own) > 1:
        total = sum(k.total for _, k in own[0][1].layers[part])
        axes.set_title(plain(f"{part_words(part)}, of {total:,}"), loc="left")
    axes.set_ylabel("kept")
    axes.set_ylim(0, max(1.0, axes.get_ylim()[1]))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.get_major_locator().set_params(integer=True, nbins=4)
    axes.grid(axis="y")
