"""What all figures share: sizes, colours, safe text, and how they are saved."""

import io
import math
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...errors import RunError
from .._text import clean, short

WIDTH = 5.5
"""Inches: the text width of the usual conference templates."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, which colour-blind readers tell apart; series have markers of their own too."""

MARKERS = "os^Dvp"
GREY = "#666666"
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "pdf.fonttype": 42,  # what journals ask for: fonts as TrueType
    "svg.fonttype": "path",
    "svg.hashsalt": "tapeout",
    "savefig.dpi": 300,
}
_LINE = 0.15
"""Inches of a line of the legend."""

_DATES = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
Given = ParamSpec("Given")


class Drawing(Figure):
    """A figure that shows itself in a notebook and looks the same wherever it is saved."""

    def savefig(self, fname: Any, **options: Any) -> None:
        with matplotlib.rc_context(STYLE):
            super().savefig(fname, **options)

    def _repr_svg_(self) -> str:
        page = io.StringIO()
        self.savefig(page, format="svg", metadata={"Date": None})
        return page.getvalue()


def drawn(make: Callable[Given, Figure]) -> Callable[Given, Figure]:
    """Draw in our style, and leave the caller's settings as they are."""

    @wraps(make)
    def inside(*args: Given.args, **kwargs: Given.kwargs) -> Figure:
        with matplotlib.rc_context(STYLE):
            return make(*args, **kwargs)

    return inside


def panels(
    width: float, height: float, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, list[Axes]]:
    """A new figure of that size in inches, and its plots row by row."""
    figure = Drawing(figsize=(width, height), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(grid.flat)


def save(figure: Figure, path: str | Path) -> Path:
    """Write a figure; the ending says the format, and the same figure gives the same bytes.

    Raises:
        RunError: the file cannot be written, or matplotlib does not know the ending.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata=_DATES.get(path.suffix))
    except (OSError, ValueError) as error:
        raise RunError(f"cannot write the figure {path}: {error}") from error
    return path


def plain(value: str, most: int = 40) -> str:
    """Text shown as it is: nothing hidden, not too long, no formulas between dollars."""
    return short(clean(value), most).replace("$", r"\$")


def look(place: int) -> dict[str, Any]:
    """Colour and marker of a series; where colours come round, the next marker goes with each."""
    turn = place + place // len(COLOURS)
    return {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[turn % len(MARKERS)]}


def percents(axes: Axes, which: str, words: str) -> None:
    """An axis from 0 to 100%."""
    getattr(axes, f"set_{which}lim")(-0.02, 1.02)
    ticks = [0, 0.2, 0.4, 0.6, 0.8, 1]
    getattr(axes, f"set_{which}ticks")(ticks, [f"{100 * tick:g}%" for tick in ticks])
    getattr(axes, f"set_{which}label")(words)
    axes.grid(axis=which)  # pyright: ignore[reportArgumentType]


def spread(values: Iterable[float], lows: Iterable[float], highs: Iterable[float]) -> list[Any]:
    """Intervals as matplotlib wants them: how far they reach down and up."""
    below, above = [], []
    for value, low, high in zip(values, lows, highs, strict=True):
        below.append(max(value - low, 0.0))
        above.append(max(high - value, 0.0))
    return [below, above]


def legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """One legend below all plots, for which the figure grows; none where one needs no name."""
    found: dict[str, Any] = {}
    for one in axes:
        for handle, label in zip(*one.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if len(found) < 2:
        return
    longest = 0.052 * max(map(len, found)) + 0.5
    columns = max(min(int(figure.get_figwidth() / longest), 4, len(found)), 1)
    figure.legend(list(found.values()), list(found), loc="outside lower center", ncols=columns)
    rows = math.ceil(len(found) / columns)
    figure.set_figheight(figure.get_figheight() + _LINE * rows)


def logarithmic(axes: Axes, which: str) -> None:
    """A logarithmic axis whose numbers are written out."""
    getattr(axes, f"set_{which}scale")("log")
    axis = getattr(axes, f"{which}axis")
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    axis.set_minor_formatter(lambda value, _: "")


def interval(
    axes: Axes,
    x: float,
    value: float,
    low: float,
    high: float,
    marker: str,
    colour: str,
    label: str = "",
) -> None:
    """One upright point with its ends."""
    ends = spread([value], [low], [high])
    axes.errorbar([x], [value], yerr=ends, fmt=marker, color=colour, capsize=2, label=label)
