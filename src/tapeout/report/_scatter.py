"""A chart of single circuits: what each costs against what is left of the model."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ._axes import Axes, knee_for
from ._chart import MARKERS, SERIES_STYLES, share_axis
from ._html import Html, isolated, join, name, tag
from ._text import interval, number, share


@dataclass(frozen=True, kw_only=True)
class Dot:
    """One circuit.

    Attributes:
        x: a share, from 0 to 1.
        y, low, high: a number of 0 or more and its interval.
    """

    name: str
    x: float
    y: float
    low: float
    high: float


def scatter(dots: Sequence[Dot], *, across: str, up: str) -> Html:
    """The chart with a legend, for wide and for narrow pages; a line joins what nothing beats."""
    if not dots:
        return Html()
    top, step = _scale(max(dot.high for dot in dots))
    knee = knee_for(dot.x for dot in dots)
    wide = Axes(760.0, 340.0, left=46.0, right=18.0, top=24.0, bottom=46.0, knee=knee)
    narrow = Axes(360.0, 270.0, left=44.0, right=12.0, top=24.0, bottom=46.0, knee=knee)
    said = f"{up} over {across}. The numbers are in the table below."
    charts = [
        tag(
            "svg",
            *_grid(axes, top, step, across, up),
            _front(axes, top, dots),
            *(_dot(axes, top, place, dot) for place, dot in enumerate(dots)),
            class_=f"chart {kind}",
            viewBox=f"0 0 {axes.width:g} {axes.height:g}",
            role="img",
            aria_label=said,
        )
        for kind, axes in (("wide", wide), ("narrow", narrow))
    ]
    return tag("figure", _legend(dots), *charts)


def _scale(most: float) -> tuple[float, float]:
    """The top of the axis, and a round step of which there are two to five below it."""
    most = max(most, 1e-9)
    power = 10.0 ** math.floor(math.log10(most))
    step = next(s * power for s in (0.2, 0.5, 1.0, 2.0) if most / (s * power) <= 5)
    return step * math.ceil(most / step), step


def _grid(axes: Axes, top: float, step: float, across: str, up: str) -> Iterator[Html]:
    left, right = axes.x(0.0), axes.x(1.0)
    for place in range(round(top / step) + 1):
        y = axes.y(place * step / top)
        yield tag("line", class_="grid" if place else "axis", x1=left, x2=right, y1=y, y2=y)
        yield tag("text", f"{place * step:.4g}", x=left - 8, y=y + 4, class_="end")
    yield tag("text", up, x=0.0, y=12.0, class_="what")
    yield from share_axis(axes, across)


def _dot(axes: Axes, top: float, place: int, dot: Dot) -> Html:
    x, y = axes.x(dot.x), axes.y(dot.y / top)
    low, high = axes.y(dot.low / top), axes.y(dot.high / top)
    whisker = f"M{x:.2f} {low:.2f}V{high:.2f}M{x - 3:.2f} {low:.2f}h6M{x - 3:.2f} {high:.2f}h6"
    said = f"{isolated(dot.name)}: {share(dot.x)}; {number(dot.y)} {interval(dot.low, dot.high)}"
    return tag(
        "g",
        tag("title", said),
        tag("path", class_="whisker", d=whisker),
        tag("path", class_="dot", d=_marker(place), transform=f"translate({x:.2f} {y:.2f})"),
        class_=f"s{place % SERIES_STYLES}",
    )


def _front(axes: Axes, top: float, dots: Sequence[Dot]) -> Html:
    """A line through the circuits that no other one beats both ways."""
    best, corners = math.inf, []
    for dot in sorted(dots, key=lambda dot: (dot.x, dot.y)):
        if dot.y < best:
            best = dot.y
            corners.append(f"{axes.x(dot.x):.2f},{axes.y(dot.y / top):.2f}")
    line = tag("polyline", class_="level", fill="none", points=" ".join(corners))
    return line if len(corners) > 1 else Html()


def _legend(dots: Sequence[Dot]) -> Html:
    items = []
    for place, dot in enumerate(dots):
        mark = tag("path", class_="dot", d=_marker(place), transform="translate(14 8)")
        style = f"swatch s{place % SERIES_STYLES}"
        swatch = tag("svg", mark, class_=style, viewBox="0 0 28 16", aria_hidden="true")
        items.append(tag("li", swatch, tag("span", tag("b", name(dot.name)))))
    return join(tag("ul", *items, class_="legend"))


def _marker(place: int) -> str:
    """Where colours come round again, the next shape goes with each."""
    return MARKERS[(place + place // SERIES_STYLES) % len(MARKERS)]
