"""The frontier chart: accuracy against the share of the universe that is kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ._axes import Axes, knee_for
from ._html import Html, isolated, join, name, tag
from ._text import accuracy_words, percent, setting_words, share, short, span
from ._views import Frontier, Point

SERIES_STYLES = 6
_LINE = 14
MARKERS = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "M-3.6-3.6h7.2v7.2h-7.2z",
    "M0-5.2L5.2 0L0 5.2L-5.2 0z",
    "M0-4.8L4.8 3.6H-4.8z",
    "M0 4.8L4.8-3.6H-4.8z",
    "M-1.6-4.6h3.2v3h3v3.2h-3v3h-3.2v-3h-3v-3.2h3z",
)
_RADIUS = 8.5
_RING = "M-8.5 0a8.5 8.5 0 1 0 17 0a8.5 8.5 0 1 0-17 0z"


@dataclass(frozen=True)
class Mark:
    """A selected circuit; `series` is the place of the frontier on which it is a point, or None."""

    name: str
    size: int
    share: float
    series: int | None


def frontier_chart(series: Sequence[tuple[str, Frontier]], marks: Sequence[Mark]) -> Html:
    """The chart twice, for wide and for narrow pages, with a legend."""
    top = 24.0 + _LINE * (len(marks) + 1 if marks else 0)  # marks' names above those of levels
    knee = knee_for(p.share for _, frontier in series for p in frontier.points)
    wide = Axes(760.0, 340.0 + top, left=46.0, right=18.0, top=top, bottom=46.0, knee=knee)
    narrow = Axes(360.0, 270.0 + top, left=44.0, right=12.0, top=top, bottom=46.0, knee=knee)
    charts = [
        tag(
            "svg",
            *_drawing(axes, series, marks),
            class_=f"chart {kind}",
            viewBox=f"0 0 {axes.width:g} {axes.height:g}",
            role="img",
            aria_label=_spoken(series),
        )
        for kind, axes in (("wide", wide), ("narrow", narrow))
    ]
    return join(_legend(series), *charts)


def _spoken(series: Sequence[tuple[str, Frontier]]) -> str:
    names = ", ".join(isolated(title) for title, _ in series)
    what = isolated(_what(series).capitalize())
    return f"{what} over circuit size: {names}. The numbers are in the table below."


def _drawing(
    axes: Axes, series: Sequence[tuple[str, Frontier]], marks: Sequence[Mark]
) -> Iterator[Html]:
    yield from _grid(axes, _what(series))
    lines, labels = _levels(axes, series)
    yield from lines
    for row, mark in enumerate(marks):
        yield _mark(axes, row, mark, series)
    for place, (title, frontier) in enumerate(series):
        yield _curve(axes, place, title, frontier)
    yield from labels  # over the curves, which would strike them through


def _what(series: Sequence[tuple[str, Frontier]]) -> str:
    """What the vertical axis shows."""
    criteria = {frontier.setting.criterion for _, frontier in series}
    return accuracy_words(criteria.pop()) if len(criteria) == 1 else "accuracy"


def _grid(axes: Axes, what: str) -> Iterator[Html]:
    left, right = axes.x(0.0), axes.x(1.0)
    for step in range(0, 101, 20):
        y = axes.y(step / 100)
        yield tag("line", class_="axis" if step == 0 else "grid", x1=left, x2=right, y1=y, y2=y)
        yield tag("text", f"{step}%", x=left - 8, y=y + 4, class_="end")
    yield tag("text", isolated(what), x=0.0, y=12.0, class_="what")
    yield from share_axis(axes, "share of the universe kept (logarithmic, linear near 0)")


def share_axis(axes: Axes, words: str) -> Iterator[Html]:
    """Ticks and words below a chart."""
    bottom = axes.y(0.0)
    for value in axes.ticks(gap=34.0):
        x = axes.x(value)
        yield tag("line", class_="axis", x1=x, x2=x, y1=bottom, y2=bottom + 5)
        label = f"{100 * value:.6g}%" if value else "0"
        edge = "end" if value == 1 else "middle"
        yield tag("text", label, x=x + (6 if value == 1 else 0), y=bottom + 18, class_=edge)
    middle = (axes.x(0.0) + axes.x(1.0)) / 2
    yield tag("text", words, x=middle, y=axes.height - 8, class_="what middle")


def _levels(axes: Axes, series: Sequence[tuple[str, Frontier]]) -> tuple[list[Html], list[Html]]:
    """Reference lines, and what they are: the higher kind above its highest, the other below its
    lowest, where there is room."""
    lines, labels = list[Html](), list[Html]()
    left, right = axes.x(0.0), axes.x(1.0)
    for place, (style, words, values) in enumerate(_references(series)):
        for value in values:
            y = axes.y(value)
            title = tag("title", f"{words}, {percent(value)}")
            lines.append(tag("line", title, class_=f"level {style}", x1=left, x2=right, y1=y, y2=y))
        ends = [percent(value) for value in (values[0], values[-1])]
        label = f"{words}, {ends[0]}" if len(values) == 1 else f"{words}s, {' to '.join(ends)}"
        baseline = axes.y(values[0]) + 13 if place else axes.y(values[-1]) - 5
        if baseline < axes.y(0.0):
            labels.append(tag("text", label, x=left + 10, y=baseline, class_="halo"))
    return lines, labels


def _references(series: Sequence[tuple[str, Frontier]]) -> list[tuple[str, str, list[float]]]:
    """Style, words and rising values of both kinds of lines, the higher kind first."""
    kinds = (
        ("full", "full model", [frontier.full.value for _, frontier in series]),
        ("target", "target", [frontier.bar for _, frontier in series]),
    )
    distinct = [
        (style, words, sorted({percent(value): value for value in values}.values()))
        for style, words, values in kinds
    ]
    return sorted(distinct, key=lambda kind: -kind[2][-1])


def _mark(axes: Axes, row: int, mark: Mark, series: Sequence[tuple[str, Frontier]]) -> Html:
    x, y = axes.x(mark.share), 14.0 + _LINE * (row + 1)
    side = "end" if x > axes.width - 90 else "start" if x < 90 else "middle"
    words = f"{isolated(short(mark.name))}: {share(mark.share)}"
    label = tag("text", words, x=x, y=y, class_="halo")
    points = series[mark.series][1].points if mark.series is not None else []
    point = next((p for p in points if p.size == mark.size), None)
    ring, end = Html(), axes.y(0.0)
    if point is not None:
        ring = tag("path", class_="ring", d=_RING, transform=_place(axes, point))
        end = max(axes.y(point.accuracy.value) - _RADIUS, y + 4)
    line = tag("line", class_="mark", x1=x, x2=x, y1=y + 4, y2=end)
    return tag("g", line, ring, label, class_=f"selected {side}")


def _curve(axes: Axes, place: int, title: str, frontier: Frontier) -> Html:
    places = [f"{axes.x(p.share):.2f},{axes.y(p.accuracy.value):.2f}" for p in frontier.points]
    line = tag("polyline", class_="curve", points=" ".join(places)) if len(places) > 1 else Html()
    dots = [_dot(axes, place, title, point) for point in frontier.points]
    return tag("g", line, *dots, class_=f"s{place % SERIES_STYLES}")


def _dot(axes: Axes, place: int, title: str, point: Point) -> Html:
    x, accuracy = axes.x(point.share), point.accuracy
    low, high = axes.y(accuracy.low), axes.y(accuracy.high)
    whisker = f"M{x:.2f} {low:.2f}V{high:.2f}M{x - 3:.2f} {low:.2f}h6M{x - 3:.2f} {high:.2f}h6"
    said = (
        f"{isolated(title)}: {point.size:,} nodes, {share(point.share)}\n"
        f"{accuracy.right:,}/{accuracy.n:,} right, {percent(accuracy.value)}, "
        f"95% interval {span(accuracy.low, accuracy.high)}"
    )
    marker = MARKERS[place % SERIES_STYLES]
    return tag(
        "g",
        tag("title", said),
        tag("path", class_="whisker", d=whisker),
        tag("path", class_="dot", d=marker, transform=_place(axes, point)),
    )


def _place(axes: Axes, point: Point) -> str:
    return f"translate({axes.x(point.share):.2f} {axes.y(point.accuracy.value):.2f})"


def _legend(series: Sequence[tuple[str, Frontier]]) -> Html:
    items = []
    for place, (title, frontier) in enumerate(series):
        style = place % SERIES_STYLES
        line = tag("path", class_="curve", d="M0 8H28") if len(frontier.points) > 1 else Html()
        swatch = tag(
            "svg",
            line,
            tag("path", class_="dot", d=MARKERS[style], transform="translate(14 8)"),
            class_=f"swatch s{style}",
            viewBox="0 0 28 16",
            aria_hidden="true",
        )
        about = setting_words(frontier.setting.replacement, frontier.setting.reference)
        items.append(tag("li", swatch, tag("span", tag("b", name(title)), " ", name(about))))
    return tag("ul", *items, class_="legend")
