"""Where the nodes of a circuit's picture stand.

A stream channel is a line from left to right, and what blocks read and write of it are dots on
that line. Between the dots of a block stand its queries, keys, values and neurons. Lines and nodes
are put in an order in which edges are short.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ._weights_view import Diagram, Edge, Node

LINE = 16.0
"""Between stream channels, and between nodes of a block."""

SWEEPS = 24
_APART = 15.0
_GUTTER, _PITCH, _BETWEEN, _LEAST = 140.0, 52.0, 24.0, 760.0
TOP = 40.0


@dataclass(frozen=True)
class Block:
    """An attention or MLP block, with the places of its three columns."""

    layer: int
    kind: str
    read: float
    inner: float
    write: float


@dataclass(frozen=True)
class Layout:
    """Pixels.

    Attributes:
        places: of every node.
        lines: stream channel -> its height.
        left, right: where the channels' lines may start and end.
    """

    width: float
    height: float
    left: float
    right: float
    blocks: list[Block]
    places: dict[Node, tuple[float, float]]
    lines: dict[int, float]


def lay_out(diagram: Diagram) -> Layout:
    """Find a place for everything."""
    kinds = sorted({(node.layer, node.block) for node in diagram.nodes})
    count = max(len(kinds), 1)
    stretch = max((_LEAST - 2 * _GUTTER) / (count * (2 * _PITCH + _BETWEEN)), 1.0)
    blocks: list[Block] = []
    for place, (layer, kind) in enumerate(kinds):
        start = _GUTTER + stretch * (_BETWEEN / 2 + place * (2 * _PITCH + _BETWEEN))
        x = [start + stretch * _PITCH * step for step in range(3)]
        blocks.append(Block(layer, kind, *x))
    width = 2 * _GUTTER + stretch * count * (2 * _PITCH + _BETWEEN)
    lines, inner = _heights(diagram)
    places: dict[Node, tuple[float, float]] = {}
    for block in blocks:
        for node in diagram.nodes:
            if (node.layer, node.block) == (block.layer, block.kind):
                if node.reads or node.writes:
                    x = block.read if node.reads else block.write
                    places[node] = x, lines[node.channel]
                else:
                    places[node] = block.inner, inner[node]
    lowest = max((y for _, y in places.values()), default=TOP)
    height = max([lowest, *lines.values()]) + 1.5 * LINE
    return Layout(width, height, _GUTTER, width - _GUTTER, blocks, places, lines)


def _heights(diagram: Diagram) -> tuple[dict[int, float], dict[Node, float]]:
    """Of stream channels and of the nodes between them, for the shortest edges that were found."""
    columns: dict[tuple[int, str], list[Node]] = {}
    for node in diagram.nodes:
        if not (node.reads or node.writes):
            columns.setdefault((node.layer, node.block), []).append(node)
    rows = max([len(diagram.streams), *map(len, columns.values())], default=1)
    step = LINE * max(rows / max(len(diagram.streams), 1), 1.0)
    order = [stream.channel for stream in diagram.streams]
    best: tuple[float, dict[int, float], dict[Node, float]] | None = None
    for _ in range(SWEEPS):
        lines = {channel: TOP + step * (0.5 + place) for place, channel in enumerate(order)}
        inner: dict[Node, float] = {}
        for nodes in columns.values():
            inner |= _column(nodes, _pulls(nodes, diagram.edges, lines))
        length = sum(_length(edge, lines, inner) for edge in diagram.edges)
        if best is None or length < best[0]:
            best = length, lines, inner
        order = _reordered(order, diagram.edges, lines, inner)
    assert best is not None
    _, lines, inner = best
    drop = max([0.0, *(TOP + LINE / 2 - y for y in inner.values())])
    lines = {channel: y + drop for channel, y in lines.items()}
    return lines, {node: y + drop for node, y in inner.items()}


def _end(node: Node, lines: Mapping[int, float], inner: Mapping[Node, float]) -> float:
    return lines[node.channel] if node.reads or node.writes else inner[node]


def _length(edge: Edge, lines: Mapping[int, float], inner: Mapping[Node, float]) -> float:
    gap = abs(_end(edge.source, lines, inner) - _end(edge.target, lines, inner))
    return gap * (edge.flow + 1e-9)


def _pulls(
    nodes: Iterable[Node], edges: Sequence[Edge], lines: Mapping[int, float]
) -> dict[Node, float]:
    """Where each node's edges would have it stand: the mean height of their other ends."""
    ends: dict[Node, list[tuple[float, float]]] = {node: [] for node in nodes}
    for edge in edges:
        for own, other in ((edge.source, edge.target), (edge.target, edge.source)):
            if own in ends and (other.reads or other.writes):
                ends[own].append((lines[other.channel], edge.flow + 1e-9))
    middle = sum(lines.values()) / max(len(lines), 1)
    return {node: _mean(pairs, middle) for node, pairs in ends.items()}


def _mean(pairs: Sequence[tuple[float, float]], otherwise: float) -> float:
    total = sum(weight for _, weight in pairs)
    return sum(y * weight for y, weight in pairs) / total if total else otherwise


def _column(nodes: Sequence[Node], wanted: Mapping[Node, float]) -> dict[Node, float]:
    """Heights near the wanted ones; heads stay together, in each queries beside their keys."""
    heads: dict[tuple[int | None, int], list[Node]] = {}
    for node in nodes:
        heads.setdefault((node.head, node.channel if node.head is None else 0), []).append(node)
    groups = [sorted(own, key=lambda node: _within(node, wanted)) for own in heads.values()]
    centre = {own[0]: sum(wanted[node] for node in own) / len(own) for own in groups}
    groups.sort(key=lambda own: (centre[own[0]], own[0].channel))
    starts: list[float] = []
    at = 0.0
    for own in groups:
        starts.append(at)
        at += LINE * len(own) + (_APART if own[0].head is not None else 0.0)
    pulls = [
        (centre[own[0]] - LINE * (len(own) - 1) / 2 - start, len(own))
        for own, start in zip(groups, starts, strict=True)
    ]
    return {
        node: lift + start + LINE * place
        for own, start, lift in zip(groups, starts, _rising(pulls), strict=True)
        for place, node in enumerate(own)
    }


def _within(node: Node, wanted: Mapping[Node, float]) -> tuple[bool, float, str]:
    if node.site == "attn.v":
        return True, wanted[node], ""
    return False, float(node.channel), "0" if node.site == "attn.q" else "1"


def _rising(pulls: Sequence[tuple[float, int]]) -> list[float]:
    """The closest numbers to these, by weighted squares, that never fall (pool adjacent violators).

    Args:
        pulls: numbers and their weights.
    """
    pools: list[tuple[float, int, int]] = []
    for value, weight in pulls:
        total, members = value * weight, 1
        while pools and pools[-1][0] / pools[-1][1] > total / weight:
            more, heavier, others = pools.pop()
            total, weight, members = total + more, weight + heavier, members + others
        pools.append((total, weight, members))
    return [total / weight for total, weight, members in pools for _ in range(members)]


def _reordered(
    order: Sequence[int],
    edges: Sequence[Edge],
    lines: Mapping[int, float],
    inner: Mapping[Node, float],
) -> list[int]:
    """Stream channels by the mean height of the nodes that they are connected to."""
    ends: dict[int, list[tuple[float, float]]] = {channel: [] for channel in order}
    for edge in edges:
        for own, other in ((edge.source, edge.target), (edge.target, edge.source)):
            if own.reads or own.writes:
                ends[own.channel].append((inner[other], edge.flow + 1e-9))
    return sorted(order, key=lambda channel: (_mean(ends[channel], lines[channel]), channel))
