"""Losses over the steps of a training, on a logarithmic axis."""

import math
from collections.abc import Iterator, Sequence

from ._chart import SERIES_STYLES
from ._html import Html, isolated, join, name, tag
from ._text import number

_DECADES = 4
"""How far below the most a loss may be to be told from nothing."""
_WIDE, _NARROW = (760.0, 240.0), (360.0, 220.0)
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 18.0, 24.0, 40.0


class _Plot:
    def __init__(self, width: float, height: float, last: int, low: float, high: float) -> None:
        self.width, self.height, self.last = width, height, max(last, 1)
        least = max(high, 1e-9) / 10**_DECADES
        self.ticks = ticks(max(low, least), max(high, least))

    def x(self, step: int) -> float:
        return _LEFT + step / self.last * (self.width - _LEFT - _RIGHT)

    def y(self, loss: float) -> float:
        low, high = (math.log10(tick) for tick in (self.ticks[0], self.ticks[-1]))
        part = (math.log10(max(loss, self.ticks[0])) - low) / (high - low)
        return self.height - _BOTTOM - part * (self.height - _TOP - _BOTTOM)


def loss_curve(
    title: str, lines: Sequence[tuple[str, Sequence[tuple[int, float]]]], what: str
) -> Html:
    """Every term of a loss over steps; nothing if there is no point.

    Args:
        title: whose they are.
        lines: term -> (step, nats); what lies below the axis, which has four decades at most, is
            drawn at it, and the caption says so.
        what: what they are.
    """
    lines = [(term, line) for term, line in lines if line]
    points = [point for _, line in lines for point in line]
    if not points:
        return Html()
    last, losses = max(step for step, _ in points), [loss for _, loss in points]
    low, high = min(losses), max(losses)
    spoken = f"Losses of {isolated(title)} over {last:,} steps"
    plots = [_Plot(width, height, last, low, high) for width, height in (_WIDE, _NARROW)]
    charts = [
        tag(
            "svg",
            *_drawing(plot, lines),
            class_=f"chart {kind}",
            viewBox=f"0 0 {plot.width:g} {plot.height:g}",
            role="img",
            aria_label=spoken,
        )
        for kind, plot in zip(("wide", "narrow"), plots, strict=True)
    ]
    least = plots[0].ticks[0]
    flat = f" Values below {least:g} are drawn at it." if low < least else ""
    caption = tag("figcaption", tag("b", name(title)), f": {what}{flat}")
    return tag("figure", join(_legend(lines), *charts), caption)


def _drawing(
    plot: _Plot, lines: Sequence[tuple[str, Sequence[tuple[int, float]]]]
) -> Iterator[Html]:
    left, right = plot.x(0), plot.x(plot.last)
    for tick in plot.ticks:
        y = plot.y(tick)
        style = "axis" if tick == plot.ticks[0] else "grid"
        yield tag("line", class_=style, x1=left, x2=right, y1=y, y2=y)
        yield tag("text", f"{tick:g}", x=left - 8, y=y + 4, class_="end")
    yield tag("text", "nats a token (logarithmic)", x=0.0, y=12.0, class_="what")
    bottom = plot.height - _BOTTOM
    for step in round_steps(plot.last):
        x, edge = plot.x(step), "end" if step == plot.last else "middle"
        yield tag("line", class_="axis", x1=x, x2=x, y1=bottom, y2=bottom + 5)
        shift = 6 if step == plot.last else 0
        yield tag("text", f"{step:,}", x=x + shift, y=bottom + 18, class_=edge)
    middle = (left + right) / 2
    yield tag("text", "step", x=middle, y=plot.height - 6, class_="what middle")
    for place, (term, line) in enumerate(lines):
        places = " ".join(f"{plot.x(step):.2f},{plot.y(loss):.2f}" for step, loss in line)
        said = tag("title", f"{isolated(term)}: {number(line[-1][1])} nats at the end")
        drawn = tag("polyline", said, class_="curve", points=places)
        if len(line) == 1:  # a line of one point is not seen
            x, y = places.split(",")
            drawn = tag("circle", said, class_="dot", cx=x, cy=y, r=3.6)
        yield tag("g", drawn, class_=f"s{place % SERIES_STYLES}")


def round_steps(last: int) -> list[int]:
    """0 and at most five round numbers up to the last step, or near it."""
    power = 10 ** max(len(str(last)) - 2, 0)
    apart = next(
        size * scale
        for scale in (power, 10 * power)
        for size in (1, 2, 5)
        if last <= 5 * size * scale
    )
    return list(range(0, last + 1, apart))


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from below the least to above the most, the more of each decade the closer."""
    spread = high / low
    steps = (1, 1.5, 2, 3, 4, 5, 6, 8) if spread < 5 else (1, 2, 5) if spread < 50 else (1,)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [step * 10.0**decade for decade in decades for step in steps]
    below = max(place for place, tick in enumerate(found) if tick <= low)
    above = next(place for place, tick in enumerate(found) if tick >= high and place > below)
    return found[below : above + 1]


def _legend(lines: Sequence[tuple[str, Sequence[tuple[int, float]]]]) -> Html:
    items = []
    for place, (term, line) in enumerate(lines):
        drawn = tag("path", class_="curve", d="M0 8H28")
        if len(line) == 1:
            drawn = tag("circle", class_="dot", cx=14, cy=8, r=3.6)
        swatch = tag(
            "svg",
            drawn,
            class_=f"swatch s{place % SERIES_STYLES}",
            viewBox="0 0 28 16",
            aria_hidden="true",
        )
        items.append(tag("li", swatch, tag("span", name(term))))
    return tag("ul", *items, class_="legend")
