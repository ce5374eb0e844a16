"""The weights between a circuit's nodes, with the places that they are drawn at."""

from typing import Any

from .._results import Results, Stage
from .._weights_view import Diagram, Token, Weights
from .._wiring_layout import lay_out
from ._pack import Pack
from ._universe import Nodes

MOST_LAID_OUT = 3000
"""Beyond so many edges, finding heights at which they are short takes too long."""


def wired(results: Results, circuit: Stage, universe: Nodes, pack: Pack) -> dict[str, Any] | None:
    """What the last `weight_edges` stage of a circuit found; None if there is none."""
    found = [w for stage, w in results.weights if results.circuit_of(stage) is circuit]
    if not found or not found[-1].diagram.nodes:
        return None
    return _tree(found[-1], universe, pack)


def _tree(found: Weights, universe: Nodes, pack: Pack) -> dict[str, Any]:
    diagram = found.diagram
    places = {node: number for number, node in enumerate(diagram.nodes)}
    numbers = [universe.number(f"{n.layer}.{n.site}.{n.channel}") for n in diagram.nodes]
    return {
        "split": found.split,
        "n": found.n,
        "nodes": pack.array([-1 if n is None else n for n in numbers], "i4"),
        "names": [str(node) for node in diagram.nodes],
        "heads": pack.array([-1 if n.head is None else n.head for n in diagram.nodes], "i2"),
        "bias": pack.array([n.bias for n in diagram.nodes], "f4"),
        "deviation": pack.array([n.deviation for n in diagram.nodes], "f4"),
        "source": pack.array([places[e.source] for e in diagram.edges], "u4"),
        "target": pack.array([places[e.target] for e in diagram.edges], "u4"),
        "weight": pack.array([e.weight for e in diagram.edges], "f4"),
        "flow": pack.array([e.flow for e in diagram.edges], "f4"),
        "more": [diagram.more_nodes, diagram.more_edges, diagram.unconnected],
    } | _placed(diagram, pack)


def _placed(diagram: Diagram, pack: Pack) -> dict[str, Any]:
    if len(diagram.edges) > MOST_LAID_OUT:
        return {"layout": None}
    layout = lay_out(diagram)
    at = [layout.places[node] for node in diagram.nodes]
    streams = [
        {
            "channel": stream.channel,
            "y": round(layout.lines[stream.channel], 2),
            "read": _tokens(stream.read),
            "written": _tokens(stream.written),
        }
        for stream in diagram.streams
    ]
    return {
        "layout": {
            "width": layout.width,
            "height": layout.height,
            "left": layout.left,
            "right": layout.right,
            "blocks": [[b.layer, b.kind, b.read, b.inner, b.write] for b in layout.blocks],
            "x": pack.array([x for x, _ in at], "f4"),
            "y": pack.array([y for _, y in at], "f4"),
            "streams": streams,
        }
    }


def _tokens(tokens: list[Token]) -> list[list[Any]]:
    return [[text, round(weight, 5)] for text, weight in tokens]
