"""What stages that count the weights of circuits report."""

from dataclasses import dataclass

from ._fields import Fields, damaged
from ._text import seen_lines

COUNTS = ("nodes", "edges", "edges_embedding", "edges_unembedding", "biases")
_READ, _WRITTEN = ("attn.act_in", "mlp.act_in"), ("attn.resid_delta", "mlp.resid_delta")


@dataclass(frozen=True)
class Node:
    """A channel of a site; `head` is that of a query, key or value."""

    layer: int
    site: str
    channel: int
    head: int | None
    bias: float
    deviation: float

    @classmethod
    def of(cls, fields: Fields) -> "Node":
        return cls(
            layer=fields.whole("layer"),
            site=fields.text("site"),
            channel=fields.whole("channel"),
            head=fields.whole("head") if "head" in fields else None,
            bias=fields.finite("bias"),
            deviation=fields.finite("deviation"),
        )

    @property
    def reads(self) -> bool:
        """It is what a block reads of a stream channel."""
        return self.site in _READ

    @property
    def writes(self) -> bool:
        """It is what a block writes to a stream channel."""
        return self.site in _WRITTEN

    @property
    def block(self) -> str:
        return self.site.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.layer}.{self.site}.{self.channel}"


@dataclass(frozen=True)
class Edge:
    """A weight; `flow` is its size times the deviation of what comes in."""

    source: Node
    target: Node
    weight: float
    flow: float


Token = tuple[str, float]
"""The text of a token, and its weight."""


@dataclass(frozen=True)
class Stream:
    """A channel of the residual stream, with the tokens that write to it and that it writes."""

    channel: int
    read: list[Token]
    written: list[Token]


@dataclass(frozen=True)
class Diagram:
    """What there is to draw, and how much had to be left out."""

    nodes: list[Node]
    edges: list[Edge]
    streams: list[Stream]
    unconnected: int
    more_nodes: int
    more_edges: int

    @classmethod
    def of(cls, fields: Fields) -> "Diagram":
        nodes = [Node.of(item) for item in fields.children("nodes")]

        def end(item: Fields, key: str) -> Node:
            place = item.whole(key)
            if not 0 <= place < len(nodes):
                raise damaged(f"{item.where}.{key}", "the place of a node")
            return nodes[place]

        edges = [
            Edge(end(e, "source"), end(e, "target"), e.finite("weight"), e.finite("flow"))
            for e in fields.children("edges")
        ]
        streams = [
            Stream(item.whole("channel"), _tokens(item, "read"), _tokens(item, "written"))
            for item in fields.children("streams")
        ]
        # positions that are read beside the stream have no tokens
        told = {stream.channel for stream in streams}
        others = {n.channel for n in nodes if n.reads or n.writes} - told
        streams += [Stream(channel, [], []) for channel in sorted(others)]
        rest = (fields.whole(key) for key in ("unconnected", "more_nodes", "more_edges"))
        return cls(nodes, edges, streams, *rest)


def _tokens(fields: Fields, key: str) -> list[Token]:
    return [(seen(item.text("token")), item.finite("weight")) for item in fields.children(key)]


def seen(token: str) -> str:
    """A token with its white space to be seen."""
    return seen_lines(token).replace(" ", "␣").replace("\xa0", "⍽")


@dataclass(frozen=True)
class Weights:
    """The weights of one circuit.

    Attributes:
        counts: in the order of `COUNTS`.
        pairs: edges that there could be between its nodes.
    """

    task: str
    split: str
    n: int
    counts: list[int]
    pairs: int
    layers: list[tuple[int, list[int]]]
    diagram: Diagram

    @classmethod
    def of(cls, fields: Fields) -> "Weights":
        return cls(
            task=fields.text("task"),
            split=fields.text("split"),
            n=fields.whole("n"),
            counts=[fields.whole(key) for key in COUNTS],
            pairs=fields.whole("pairs"),
            layers=[
                (row.whole("layer"), [row.whole(k) for k in ("nodes", "edges", "biases")])
                for row in fields.children("by_layer")
            ],
            diagram=Diagram.of(fields.child("diagram")),
        )


@dataclass(frozen=True)
class MeanSize:
    """Geometric means over several circuits, in the order of `COUNTS`."""

    n: int
    means: list[float]

    @classmethod
    def of(cls, fields: Fields) -> "MeanSize":
        found = fields.child("geometric_mean")
        return cls(fields.whole("n"), [found.finite(key) for key in COUNTS])
