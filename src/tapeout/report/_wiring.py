"""The picture of a circuit: stream channels as lines, nodes, and the weights between them."""

import math
from collections.abc import Iterator

from ._html import Html, isolated, join, tag
from ._text import number, short
from ._weights_view import Diagram, Edge, Node, Stream, Token
from ._wiring_layout import Layout, lay_out

_THINNEST, _THICKEST = 0.7, 4.0
_PILL = 15.0
"""Half the width of a node that is written out."""

_TOKENS = 2
_TITLES = {"attn": "attention", "mlp": "MLP"}


def wiring(diagram: Diagram, label: str) -> Html:
    """The picture, in a box that scrolls where the page is narrower."""
    if not diagram.nodes:
        return Html()
    layout = lay_out(diagram)
    drawing = tag(
        "svg",
        *_blocks(layout),
        *_lines(diagram, layout),
        *_heads(layout),
        *_edges(diagram, layout),
        *_pairs(diagram, layout),
        *_nodes(diagram, layout),
        class_="wiring",
        viewBox=f"0 0 {layout.width:g} {layout.height:g}",
        width=layout.width,
        height=layout.height,
        role="img",
        aria_label=f"{label}. The edges are in the table below.",
    )
    box = {"class_": "scroll", "tabindex": "0", "role": "region", "aria_label": label}
    return tag("div", drawing, **box)


def _blocks(layout: Layout) -> Iterator[Html]:
    yield tag("text", "prompt tokens", x=layout.left - 6, y=14, class_="end")
    for block in layout.blocks:
        x, width = block.read - 10, block.write - block.read + 20
        around = {"x": x, "y": 22, "width": width, "height": layout.height - 22}
        yield tag("rect", class_="band", rx=6, **around)
        middle = (block.read + block.write) / 2
        words = f"{_TITLES.get(block.kind, block.kind)} {block.layer}"
        yield tag("text", isolated(words), x=middle, y=14, class_="middle")
    yield tag("text", "answer tokens", x=layout.right + 6, y=14)


def _lines(diagram: Diagram, layout: Layout) -> Iterator[Html]:
    dots: dict[int, list[Node]] = {}
    for node in diagram.nodes:
        if node.reads or node.writes:
            dots.setdefault(node.channel, []).append(node)
    for stream in diagram.streams:
        y = layout.lines[stream.channel]
        at = [layout.places[node][0] for node in dots.get(stream.channel, [])]
        if not at:
            continue
        start = layout.left if stream.read else min(at) - 8
        end = layout.right if stream.written else max(at) + 8
        yield tag("line", class_="stream", x1=start, x2=end, y1=y, y2=y)
        yield from _ends(stream, start, end, y, layout)


def _ends(stream: Stream, start: float, end: float, y: float, layout: Layout) -> Iterator[Html]:
    """The channel's number at both ends, and the tokens that it comes from and goes to."""
    words = str(stream.channel)
    bold = tag("tspan", words, class_="channel")
    if stream.read:
        tokens = [*_tokens(stream.read[:_TOKENS][::-1], after="  "), bold]
        told = tag("title", f"channel {words} is written by {_all(stream.read)}")
        yield tag("text", told, *tokens, x=start - 6, y=y + 4, class_="end")
    elif not stream.written:
        yield tag("text", bold, x=start - 2, y=y - 3, class_="end halo")
    if stream.written:
        tokens = [bold, *_tokens(stream.written[:_TOKENS], before="  ")]
        told = tag("title", f"channel {words} writes {_all(stream.written)}")
        yield tag("text", told, *tokens, x=end + 6, y=y + 4)


def _tokens(tokens: list[Token], *, before: str = "", after: str = "") -> list[Html]:
    return [
        tag(
            "tspan",
            f"{before}{_sign(weight)}{isolated(short(text, 7))}{after}",
            class_=_style(weight),
        )
        for text, weight in tokens
    ]


def _all(tokens: list[Token]) -> str:
    return ", ".join(f"{isolated(text)} ({number(weight)})" for text, weight in tokens)


def _heads(layout: Layout) -> Iterator[Html]:
    """A frame around nodes of one head."""
    heads: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for node, place in layout.places.items():
        if node.head is not None:
            heads.setdefault((node.layer, node.head), []).append(place)
    for (_, head), places in heads.items():
        x, top, bottom = places[0][0], min(y for _, y in places), max(y for _, y in places)
        around = {"x": x - _PILL - 4, "y": top - 9.5, "width": 2 * _PILL + 8}
        yield tag("rect", class_="head", rx=8, height=bottom - top + 19, **around)
        yield tag("text", f"head {head}", class_="head", x=x, y=top - 11.5)


def _edges(diagram: Diagram, layout: Layout) -> Iterator[Html]:
    most = max((edge.flow for edge in diagram.edges), default=0.0)
    for edge in reversed(diagram.edges):  # the strongest lie on top
        (x1, y1), (x2, y2) = (layout.places[node] for node in (edge.source, edge.target))
        x1, x2 = x1 + _reach(edge.source), x2 - _reach(edge.target)
        middle = (x1 + x2) / 2
        path = f"M{x1:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
        width = _THINNEST + (_THICKEST - _THINNEST) * math.sqrt(edge.flow / most if most else 0)
        title = tag("title", _told(edge))
        yield tag("path", title, class_=f"edge {_style(edge.weight)}", d=path, stroke_width=width)


def _told(edge: Edge) -> str:
    ends = f"{isolated(str(edge.source))} → {isolated(str(edge.target))}"
    return f"{ends}: weight {number(edge.weight)}, flow {number(edge.flow)}"


def _pairs(diagram: Diagram, layout: Layout) -> Iterator[Html]:
    """Queries and keys of one channel meet without a weight."""
    keys = {(n.layer, n.channel): n for n in diagram.nodes if n.site == "attn.k"}
    for node in diagram.nodes:
        other = keys.get((node.layer, node.channel)) if node.site == "attn.q" else None
        if other is not None:
            (x, y1), (_, y2) = layout.places[node], layout.places[other]
            yield tag("line", class_="meet", x1=x, x2=x, y1=y1, y2=y2)


def _nodes(diagram: Diagram, layout: Layout) -> Iterator[Html]:
    for node in diagram.nodes:
        x, y = layout.places[node]
        told = f"{isolated(str(node))}, deviation {number(node.deviation)}"
        told += f", head {node.head}" if node.head is not None else ""
        told += f", bias {number(node.bias)}" if node.bias else ""
        title = tag("title", told)
        if node.reads or node.writes:
            style = "hollow" if node.reads else "written"
            yield tag("circle", title, class_=style, cx=x, cy=y, r=3.4)
            continue
        letter = node.site.rpartition(".")[2] if node.head is not None else ""
        box = {"x": x - _PILL, "y": y - 6.5, "width": 2 * _PILL, "height": 13, "rx": 6.5}
        yield tag(
            "g",
            title,
            tag("rect", **box),
            tag("text", isolated(f"{letter}{node.channel}"), x=x, y=y + 3.5),
            class_="pill",
        )


def _reach(node: Node) -> float:
    return 0.0 if node.reads or node.writes else _PILL


def _sign(weight: float) -> str:
    return "−" if weight < 0 else "+"


def _style(weight: float) -> str:
    return "minus" if weight < 0 else "plus"


def wiring_legend() -> Html:
    """What the signs mean."""
    plus, minus = (tag("path", class_=f"edge {s}", d="M0 8H28", stroke_width=2) for s in _STYLES)
    meet = tag("line", class_="meet", x1=14, x2=14, y1=0, y2=16)
    read = tag("circle", class_="hollow", cx=14, cy=8, r=3.4)
    write = tag("circle", class_="written", cx=14, cy=8, r=3.4)
    line = tag("line", class_="stream", x1=0, x2=28, y1=8, y2=8)
    signs = [
        (join(plus), "positive weight"),
        (join(minus), "negative weight"),
        (join(line, read), "a block reads a stream channel"),
        (join(line, write), "a block writes to it"),
        (join(meet), "a query meets a key"),
    ]
    items = [
        tag(
            "li",
            tag("svg", sign, class_="swatch wiring", viewBox="0 0 28 16", aria_hidden="true"),
            tag("span", words),
        )
        for sign, words in signs
    ]
    return tag("ul", *items, class_="legend row")


_STYLES = ("plus", "minus")
