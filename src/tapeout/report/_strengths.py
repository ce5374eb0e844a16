"""Probabilities over steering strength."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ._chart import MARKERS
from ._html import Html, isolated, join, name, tag
from ._text import number, percent
from ._values import Average

_WIDE, _NARROW = (760.0, 300.0), (360.0, 250.0)
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 18.0, 24.0, 40.0


@dataclass(frozen=True)
class Line:
    """A probability by strength; lines of one title look alike."""

    title: str
    points: list[tuple[float, Average]]


class _Plot:
    def __init__(self, width: float, height: float, most: float, top: float) -> None:
        self.width, self.height = width, height
        self.most, self.top = max(most, 1e-9), top

    def x(self, strength: float) -> float:
        return _LEFT + max(strength, 0.0) / self.most * (self.width - _LEFT - _RIGHT)

    def y(self, probability: float) -> float:
        inside = min(max(probability / self.top, 0.0), 1.0)
        return self.height - _BOTTOM - inside * (self.height - _TOP - _BOTTOM)


def strengths_chart(
    title: str, lines: Sequence[Line], there: float | None, what: str, top: float | None = None
) -> Html:
    """The first line with intervals, the others as controls, and a level that is aimed at.

    Args:
        title: of the stage.
        lines: at least one, with a point each.
        there: the level.
        what: the quantity.
        top: the end of its axis; by default a round number above all that is drawn.
    """
    most = max(strength for line in lines for strength, _ in line.points)
    highest = max(p.value for line in lines for _, p in line.points)
    top = top or _round(max(highest, lines[0].points[-1][1].high, there or 0.0))
    titles = list(dict.fromkeys(line.title for line in lines))
    charts = [
        tag(
            "svg",
            *_drawing(_Plot(width, height, most, top), lines, titles, there, what),
            class_=f"chart {kind}",
            viewBox=f"0 0 {width:g} {height:g}",
            role="img",
            aria_label=f"{what.capitalize()} over steering strength: {isolated(title)}",
        )
        for kind, (width, height) in (("wide", _WIDE), ("narrow", _NARROW))
    ]
    return join(*charts)


def _round(highest: float) -> float:
    """Five equal steps of which each is a round number of percent."""
    steps = (part * 10.0**power for power in (-3, -2, -1) for part in (0.5, 1, 2, 5))
    return next((5 * step for step in steps if 5 * step >= highest), 1.0)


def _drawing(
    plot: _Plot, lines: Sequence[Line], titles: Sequence[str], there: float | None, what: str
) -> Iterator[Html]:
    left, right = plot.x(0.0), plot.x(plot.most)
    for step in range(6):
        y = plot.y(plot.top * step / 5)
        yield tag("line", class_="axis" if step == 0 else "grid", x1=left, x2=right, y1=y, y2=y)
        yield tag("text", f"{20 * plot.top * step:g}%", x=left - 8, y=y + 4, class_="end")
    yield tag("text", what, x=0.0, y=12.0, class_="what")
    bottom = plot.height - _BOTTOM
    for part in range(5):
        strength = plot.most * part / 4
        x = plot.x(strength)
        yield tag("line", class_="axis", x1=x, x2=x, y1=bottom, y2=bottom + 5)
        yield tag("text", f"{strength:g}", x=x, y=bottom + 18, class_="middle")
    middle = (left + right) / 2
    yield tag("text", "steering strength", x=middle, y=plot.height - 6, class_="what middle")
    if there is not None:
        y, words = plot.y(there), f"on the other prompt, {percent(there)}"
        yield tag("line", tag("title", words), class_="level target", x1=left, x2=right, y1=y, y2=y)
    for place, line in reversed(list(enumerate(lines))):
        drawn = [_curve(plot, line)]
        if place == 0:
            drawn += [_dot(plot, line.title, *point) for point in line.points]
        yield tag("g", *drawn, class_=f"s{titles.index(line.title)}")


def _curve(plot: _Plot, line: Line) -> Html:
    places = " ".join(f"{plot.x(s):.2f},{plot.y(p.value):.2f}" for s, p in sorted(line.points))
    return tag("polyline", class_="curve", points=places)


def _dot(plot: _Plot, title: str, strength: float, found: Average) -> Html:
    x, low, high = plot.x(strength), plot.y(found.low), plot.y(found.high)
    said = f"{isolated(title)}, strength {number(strength)}: {percent(found.value)}"
    whisker = f"M{x:.2f} {low:.2f}V{high:.2f}M{x - 3:.2f} {low:.2f}h6M{x - 3:.2f} {high:.2f}h6"
    return tag(
        "g",
        tag("title", said),
        tag("path", class_="whisker", d=whisker),
        tag(
            "path",
            class_="dot",
            d=MARKERS[0],
            transform=f"translate({x:.2f} {plot.y(found.value):.2f})",
        ),
    )


def strengths_legend(lines: Sequence[Line]) -> Html:
    """What the lines of a chart are."""
    items = []
    for place, title in enumerate(dict.fromkeys(line.title for line in lines)):
        swatch = tag(
            "svg",
            tag("path", class_="curve", d="M0 8H28"),
            class_=f"swatch s{place}",
            viewBox="0 0 28 16",
            aria_hidden="true",
        )
        items.append(tag("li", swatch, tag("span", name(title))))
    return tag("ul", *items, class_="legend")
