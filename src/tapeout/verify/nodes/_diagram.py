"""What a picture of a circuit shows: its nodes, the weights between them, tokens at both ends."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from ...circuits import SPARSE_NODES, Circuit, Connection, WeightEdges, weight_edges
from ...interventions import Where
from ...models import HEAD_SITES, Model
from ...tasks import Split
from ._activity import Activity, activity

MOST_NODES = 150
MOST_EDGES = 600
MOST_TOKENS = 3
Key = tuple[int, str, int]
"""Layer, site and channel of a node."""

READS, WRITES = ("attn.act_in", "mlp.act_in"), ("attn.resid_delta", "mlp.resid_delta")


@dataclass(frozen=True, kw_only=True)
class Node:
    """A channel of a site.

    Attributes:
        head: of query, key and value channels.
        bias: what is added to it; 0 if nothing is.
        deviation: standard deviation of its activation over the split's tokens.
    """

    layer: int
    site: str
    channel: int
    head: int | None
    bias: float
    deviation: float


@dataclass(frozen=True, kw_only=True)
class Edge:
    """A weight between two nodes of the diagram, named by their places in its list.

    Attributes:
        flow: |weight| times the source's deviation: how much of the target's activation comes
            and goes by this edge.
    """

    source: int
    target: int
    weight: float
    flow: float


@dataclass(frozen=True, kw_only=True)
class TokenWeight:
    """An entry of the embedding or unembedding, by the text of its token."""

    token: str
    weight: float


@dataclass(frozen=True, kw_only=True)
class Stream:
    """A channel of the residual stream that the diagram's nodes read or write.

    Attributes:
        read: tokens of the prompts that write most of it, by |weight| times the root of how often
            each occurs.
        written: right tokens and foils that it weighs most in.
    """

    channel: int
    read: tuple[TokenWeight, ...]
    written: tuple[TokenWeight, ...]


@dataclass(frozen=True, kw_only=True)
class Diagram:
    """The part of a circuit that fits into a picture.

    Attributes:
        edges: strongest first, by flow.
        unconnected: kept nodes without an edge to another kept node, which are not shown (but
            queries and keys with a bias are, as they act on their own).
        more_nodes, more_edges: what is left out beyond these because there is too much of it; the
            strongest are shown.
        split, n: on which examples flow and tokens were measured.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    streams: tuple[Stream, ...]
    unconnected: int
    more_nodes: int
    more_edges: int
    split: str
    n: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        return asdict(self)


def edges_on(
    model: Model, circuit: Circuit, split: Split, *, transfer: bool = False
) -> WeightEdges:
    """A circuit's edges, with the embeddings of a split's tokens and the unembeddings of its right
    tokens and foils.

    Raises:
        CircuitError: as `weight_edges`.
    """
    read, written = _tokens(split)
    return weight_edges(model, circuit, read=list(read), written=written, transfer=transfer)


def diagram(
    model: Model,
    edges: WeightEdges,
    split: Split,
    *,
    most_nodes: int = MOST_NODES,
    most_edges: int = MOST_EDGES,
    batch_size: int = 64,
) -> Diagram:
    """What there is to draw of a circuit.

    Args:
        model: the model that the edges are of; it is not changed.
        edges: all of them, see `edges_on`.
        split: on which flow is measured and tokens are counted.
        most_nodes, most_edges: of what is left out beyond these the diagram keeps the number.
        batch_size: examples per forward.

    Raises:
        TaskError: no example has a token but the first.
    """
    seen = activity(model, split, SPARSE_NODES, batch_size=batch_size)
    flows = _flows(edges, seen)
    strength: dict[Key, float] = {}
    for source, target, _, flow in flows:
        for node in (source, target):
            strength[node] = strength.get(node, 0.0) + flow
    values = {
        (part.layer, part.site, channel): value
        for part in edges.biases
        for channel, value in zip(part.channel.tolist(), part.value.tolist(), strict=True)
    }
    for node in values:
        if node[1] in ("attn.q", "attn.k"):
            strength.setdefault(node, 0.0)
    ranked = sorted(strength, key=lambda node: (-strength[node], node))
    shown = sorted(ranked[:most_nodes])
    place = {node: at for at, node in enumerate(shown)}
    drawn = [edge for edge in flows if edge[0] in place and edge[1] in place]
    drawn.sort(key=lambda edge: (-edge[3], place[edge[0]], place[edge[1]]))
    deviations = seen.deviation
    return Diagram(
        nodes=tuple(_node(model, node, values, deviations) for node in shown),
        edges=tuple(
            Edge(source=place[source], target=place[target], weight=weight, flow=flow)
            for source, target, weight, flow in drawn[:most_edges]
        ),
        streams=_streams(model, edges, split, shown),
        unconnected=len(_kept(edges.circuit) - strength.keys()),
        more_nodes=len(strength) - len(shown),
        more_edges=len(flows) - len(drawn[:most_edges]),
        split=split.name,
        n=len(split),
    )


def _kept(circuit: Circuit) -> set[Key]:
    """The channels that a circuit keeps at the sites that its universe names."""
    gates = circuit.universe.expand(circuit.active)
    return {
        (layer, site, channel)
        for (layer, site), gate in gates.items()
        for channel in gate.nonzero()[:, 0].tolist()
    }


def _flows(edges: WeightEdges, seen: Activity) -> list[tuple[Key, Key, float, float]]:
    found: list[tuple[Key, Key, float, float]] = []
    for part in edges.connections:
        flow = part.weight.abs() * seen.deviation[part.layer, part.source][part.start]
        rows = (x.tolist() for x in (part.start, part.end, part.weight, flow))
        found += [
            ((part.layer, part.source, start), (part.layer, part.target, end), weight, moved)
            for start, end, weight, moved in zip(*rows, strict=True)
        ]
    return found


def _node(
    model: Model, node: Key, biases: Mapping[Key, float], deviations: Mapping[Where, Tensor]
) -> Node:
    layer, site, channel = node
    return Node(
        layer=layer,
        site=site,
        channel=channel,
        head=channel // model.shape.head_dim if site in HEAD_SITES else None,
        bias=biases.get(node, 0.0),
        deviation=float(deviations[layer, site][channel]),
    )


def _streams(
    model: Model, edges: WeightEdges, split: Split, shown: Iterable[Key]
) -> tuple[Stream, ...]:
    """Every stream channel that a node shown reads or writes."""
    d_model = model.shape.width(0, "embed")
    shown = list(shown)
    reads = {c for _, site, c in shown if site in READS and c < d_model}
    writes = {c for _, site, c in shown if site in WRITES}
    counts, _ = _tokens(split)
    often = torch.zeros(int(model.hf.get_input_embeddings().weight.shape[0]))
    often[list(counts)] = torch.tensor(list(counts.values()), dtype=torch.float)
    into, out_of = edges.embedding, edges.unembedding
    heard = _strongest(into.end, into.start, into, often[into.start].sqrt())
    said = _strongest(out_of.start, out_of.end, out_of, torch.ones(len(out_of)))

    def texts(found: list[tuple[int, float]]) -> tuple[TokenWeight, ...]:
        decode = model.tokenizer.decode
        return tuple(TokenWeight(token=decode([token]), weight=weight) for token, weight in found)

    return tuple(
        Stream(
            channel=channel,
            read=texts(heard.get(channel, []) if channel in reads else []),
            written=texts(said.get(channel, []) if channel in writes else []),
        )
        for channel in sorted(reads | writes)
    )


def _strongest(
    channels: Tensor, tokens: Tensor, part: Connection, times: Tensor
) -> dict[int, list[tuple[int, float]]]:
    """Channel -> its strongest tokens and their weights."""
    found: dict[int, list[tuple[int, float]]] = {}
    order = torch.sort(part.weight.abs() * times, descending=True, stable=True).indices
    rows = (x[order].tolist() for x in (channels, tokens, part.weight))
    for channel, token, weight in zip(*rows, strict=True):
        own = found.setdefault(channel, [])
        if len(own) < MOST_TOKENS:
            own.append((token, weight))
    return found


def _tokens(split: Split) -> tuple[Counter[int], Sequence[int]]:
    """How often the prompts hold each token, and the right tokens and foils."""
    rows = split.encoded
    read = Counter(token for item in rows for token in item.prompt)
    written = {text[0] for item in rows for text in (*item.answers, *item.foils)}
    return read, sorted(written)
