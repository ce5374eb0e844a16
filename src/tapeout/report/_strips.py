"""Small drawings: bars over layers, and a value with its interval."""

from ._evidence import Row
from ._html import Html, isolated, tag
from ._text import percent, share
from ._values import Kept

_HEIGHT = 56
_WIDEST = 5
_DOT_WIDTH = 132.0


def layer_bars(words: str, layers: list[tuple[int, Kept]]) -> Html:
    """One bar a layer, as high as the share that is kept; it is as wide as the page lets it."""
    step = min(100 / max(len(layers), 1), _WIDEST)
    every = max(1, -(-len(layers) // 8))
    parts = []
    for place, (layer, kept) in enumerate(layers):
        x, width = f"{place * step + 0.1 * step:.3f}%", f"{0.8 * step:.3f}%"
        # a layer that keeps anything shows it
        height = max(kept.share * _HEIGHT, 1.5) if kept.kept else 0.0
        height = min(height, float(_HEIGHT))
        said = f"layer {layer}: {kept} {isolated(words)}, {share(kept.share)}"
        around = {"x": x, "width": width}
        parts.append(
            tag(
                "g",
                tag("title", said),
                tag("rect", class_="track", y=0, height=_HEIGHT, **around),
                tag("rect", class_="kept", y=_HEIGHT - height, height=height, **around),
            )
        )
        if place % every == 0:
            middle, below = f"{(place + 0.5) * step:.3f}%", _HEIGHT + 14
            first = "layer " if place == 0 and every > 1 else ""
            around = {"x": 0} if first else {"x": middle, "class_": "middle"}
            parts.append(tag("text", f"{first}{layer}", y=below, **around))
    if every == 1:  # few bars stand close: the word has room behind them alone
        end = f"{len(layers) * step + 0.5:.3f}%"
        parts.append(tag("text", "layer", x=end, y=_HEIGHT + 14))
    label = f"Share of {isolated(words)} kept in each layer. The numbers are in the table below."
    return tag("svg", *parts, class_="strip", height=_HEIGHT + 18, role="img", aria_label=label)


def whisker(row: Row, full: float) -> Html:
    """A value with its interval or range on the axis from 0 to 1; the line is the full model."""
    low, high = sorted((_x(row.low), _x(row.high)))
    line = tag("line", class_="level full", x1=_x(full), x2=_x(full), y1=0, y2=16)
    bounds = tag("line", class_="whisker", x1=low, x2=high, y1=8, y2=8)
    ends = [tag("line", class_="whisker", x1=x, x2=x, y1=5, y2=11) for x in (low, high)]
    if row.control:
        dot = tag("circle", class_="hollow", cx=_x(row.value), cy=8, r=3.2)
    else:
        dot = tag("circle", class_="dot", cx=_x(row.value), cy=8, r=3.6)
    axis = tag("line", class_="grid", x1=_x(0.0), x2=_x(1.0), y1=8, y2=8)
    title = tag("title", f"{row.label}: {percent(row.value)} ({row.bounds})")
    view = f"0 0 {_DOT_WIDTH + 10:g} 16"
    return tag(
        "svg",
        title,
        axis,
        line,
        bounds,
        *ends,
        dot,
        class_="dots",
        viewBox=view,
        aria_hidden="true",
    )


def _x(value: float) -> float:
    return 5 + _DOT_WIDTH * min(max(value, 0.0), 1.0)
