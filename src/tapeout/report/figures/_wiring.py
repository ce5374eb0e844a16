"""The nodes of a weight-sparse circuit and the weights between them."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path as Line

from ...errors import RunError
from .._weights_view import Diagram, Edge, Node, Stream, Token, Weights
from .._wiring_layout import TOP, Layout, lay_out
from ._source import Source, read
from ._style import COLOURS, GREY, Drawing, drawn, plain

PLUS, MINUS = COLOURS[0], COLOURS[1]
_NEGATIVE = {"edgecolor": MINUS, "linestyle": (0, (4, 1.2))}
"""Dashed, so that signs are seen in print without colours too."""

_PILL = 13.0
"""Half the width of a node that is written out, in the layout's units."""

_TITLES = {"attn": "attention", "mlp": "MLP"}
_THINNEST, _THICKEST = 0.25, 1.8
_TOKENS = 2


@drawn
def wiring(source: Source, *, width: float = 7.0) -> Figure:
    """Stream channels as lines, what blocks read (hollow) and write (filled), and the weights.

    Blue weights are positive, orange and dashed ones negative; the wider, the more flows through
    them. A query and the key that it meets are joined by a dotted line.

    Args:
        source: the folder of a run with one `weight_edges` stage, or what one reports, by name.
        width: inches; the height follows from what there is to draw.

    Raises:
        RunError: there is no such circuit, or there are several.
    """
    found = read(source, ["weight_edges"])
    if len(found) > 1:
        names = ", ".join(name for name, _ in found)
        raise RunError(f"one circuit is drawn at a time, not all of {names}: pass one of them")
    diagram = Weights.of(found[0][1]).diagram
    layout = lay_out(diagram)
    figure = Drawing(figsize=(width, width * layout.height / layout.width))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, layout.width), ylim=(layout.height, 0))
    axes.set_axis_off()
    pen = _Pen(axes, 72 * width / layout.width)
    _blocks(pen, layout)
    _streams(pen, diagram, layout)
    _edges(pen, diagram, layout)
    _nodes(pen, diagram, layout)
    return figure


class _Pen:
    """Draws in the layout's units, of which one has `unit` points."""

    def __init__(self, axes: Axes, unit: float) -> None:
        self.axes, self.unit = axes, unit

    def box(self, x: float, y: float, size: tuple[float, float], face: str, z: int) -> None:
        style = "round,pad=0,rounding_size=6"
        edge = {"facecolor": face, "edgecolor": "#aaaaaa", "linewidth": 0.4, "zorder": z}
        self.axes.add_patch(FancyBboxPatch((x, y), *size, boxstyle=style, **edge))

    def words(
        self, text: str, x: float, y: float, side: str = "center", colour: str = "black"
    ) -> None:
        style = {"va": "center", "fontsize": 10.5 * self.unit, "color": colour, "zorder": 5}
        self.axes.text(x, y, text, ha=side, **style)


def _blocks(pen: _Pen, layout: Layout) -> None:
    pen.words("prompt tokens", layout.left - 6, 12.0, "right")
    for block in layout.blocks:
        x, wide = block.read - 10, block.write - block.read + 20
        pen.box(x, TOP - 18, (wide, layout.height - TOP + 16), "#f4f4f4", 0)
        words = f"{_TITLES.get(block.kind, plain(block.kind))} {block.layer}"
        pen.words(words, (block.read + block.write) / 2, 12.0)
    pen.words("answer tokens", layout.right + 6, 12.0, "left")


def _streams(pen: _Pen, diagram: Diagram, layout: Layout) -> None:
    ends: dict[int, list[float]] = {}
    for node in diagram.nodes:
        if node.reads or node.writes:
            ends.setdefault(node.channel, []).append(layout.places[node][0])
    for stream in diagram.streams:
        at, y = ends.get(stream.channel), layout.lines[stream.channel]
        if at is None:
            continue
        start = layout.left if stream.read else min(at) - 8
        end = layout.right if stream.written else max(at) + 8
        pen.axes.plot([start, end], [y, y], color="#bbbbbb", linewidth=0.5, zorder=1)
        _ends(pen, stream, start, end, y)


def _ends(pen: _Pen, stream: Stream, start: float, end: float, y: float) -> None:
    """The channel's number, and the tokens that it comes from and goes to, strongest outermost."""
    if stream.read:
        tokens = ", ".join(map(_token, stream.read[:_TOKENS]))
        pen.words(f"{tokens}  {stream.channel}", start - 5, y, "right")
    if stream.written:
        tokens = ", ".join(map(_token, stream.written[:_TOKENS]))
        pen.words(f"{stream.channel}  {tokens}", end + 5, y, "left")
    if not stream.read and not stream.written:
        pen.words(str(stream.channel), start - 3, y, "right", GREY)


def _token(token: Token) -> str:
    text, weight = token
    return f"{'−' if weight < 0 else '+'}{plain(text, 7)}"


def _edges(pen: _Pen, diagram: Diagram, layout: Layout) -> None:
    most = max((edge.flow for edge in diagram.edges), default=0.0)
    for edge in reversed(diagram.edges):  # the strongest lie on top
        part = math.sqrt(edge.flow / most) if most else 0.0
        style = {"linewidth": _THINNEST + (_THICKEST - _THINNEST) * part, "zorder": 2}
        style |= _NEGATIVE if edge.weight < 0 else {"edgecolor": PLUS}
        pen.axes.add_patch(PathPatch(_path(edge, layout), fill=False, **style))
    keys = {(n.layer, n.channel): n for n in diagram.nodes if n.site == "attn.k"}
    for node in diagram.nodes:
        other = keys.get((node.layer, node.channel)) if node.site == "attn.q" else None
        if other is not None:
            (x, y1), (_, y2) = layout.places[node], layout.places[other]
            pen.axes.plot([x, x], [y1, y2], ":", color="black", linewidth=0.7, zorder=2)


def _path(edge: Edge, layout: Layout) -> Line:
    (x1, y1), (x2, y2) = layout.places[edge.source], layout.places[edge.target]
    x1, x2 = x1 + _reach(edge.source), x2 - _reach(edge.target)
    middle = (x1 + x2) / 2
    codes = [Line.MOVETO, Line.CURVE4, Line.CURVE4, Line.CURVE4]
    return Line([(x1, y1), (middle, y1), (middle, y2), (x2, y2)], codes)


def _reach(node: Node) -> float:
    return 0.0 if node.reads or node.writes else _PILL


def _nodes(pen: _Pen, diagram: Diagram, layout: Layout) -> None:
    for node in diagram.nodes:
        x, y = layout.places[node]
        if node.reads or node.writes:
            face = "white" if node.reads else "black"
            style = {"markersize": 5 * pen.unit, "markeredgewidth": 0.5, "zorder": 3}
            pen.axes.plot(x, y, "o", color="black", markerfacecolor=face, **style)
            continue
        letter = node.site.rpartition(".")[2] if node.head is not None else ""
        pen.box(x - _PILL, y - 6.5, (2 * _PILL, 13.0), "white", 3)
        pen.words(f"{plain(letter, 3)}{node.channel}", x, y)
