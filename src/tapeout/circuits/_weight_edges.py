"""The weights between a circuit's nodes: its edges, in a model whose weights are sparse."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ..errors import CircuitError
from ..models import Linear, Model, Site, layers_of, read_gate_up, read_linear, read_qkv
from ._circuit import Circuit

TOKEN = "token"
"""In a connection, the end that is the vocabulary."""

STREAM = "resid"
"""In a connection with tokens, channels of the residual stream."""

SPARSE_NODES = (
    "attn.act_in:channel,attn.q:channel,attn.k:channel,attn.v:channel,attn.resid_delta:channel,"
    "mlp.act_in:channel,mlp.post_act:channel,mlp.resid_delta:channel"
)
"""The universe of the weight-sparse paper: every end of a weight (A.5)."""

SIZES = ("nodes", "edges", "edges_embedding", "edges_unembedding", "biases")
"""What the size of a circuit is told in; only `edges` is the paper's measure."""

Gates = Mapping[tuple[int, Site], Tensor]


@dataclass(frozen=True, eq=False, kw_only=True)
class Connection:
    """The nonzero weights of one matrix between kept channels.

    Attributes:
        layer: of the matrix; 0 for the embedding, the last layer for the unembedding.
        source, target: which sites it connects; `token` and `resid` beside those of a layer.
        start: the source's channel of every edge; a token's number where the source is `token`.
        end: the target's, likewise.
        weight: the entry of the matrix.
        pairs: kept channels of the source times those of the target: with dense weights all of
            them would be edges.
    """

    layer: int
    source: Site
    target: Site
    start: Int[Tensor, " edges"]
    end: Int[Tensor, " edges"]
    weight: Float[Tensor, " edges"]
    pairs: int

    def __len__(self) -> int:
        return len(self.weight)


@dataclass(frozen=True, eq=False, kw_only=True)
class Biases:
    """The nonzero biases of kept channels of one site.

    Attributes:
        channel, value: of every bias.
    """

    layer: int
    site: Site
    channel: Int[Tensor, " biases"]
    value: Float[Tensor, " biases"]

    def __len__(self) -> int:
        return len(self.value)


@dataclass(frozen=True, eq=False, kw_only=True)
class WeightEdges:
    """The edges of a circuit.

    Attributes:
        circuit: whose.
        connections: within attention and MLP blocks, layer by layer.
        embedding: from tokens into stream channels that some kept node reads.
        unembedding: from stream channels that some kept node writes to tokens.
        biases: of kept nodes.
    """

    circuit: Circuit
    connections: tuple[Connection, ...]
    embedding: Connection
    unembedding: Connection
    biases: tuple[Biases, ...]

    def counts(self) -> dict[str, int]:
        """`SIZES` -> how many."""
        edges = sum(map(len, self.connections))
        outside = len(self.embedding), len(self.unembedding)
        values = (self.circuit.size, edges, *outside, sum(map(len, self.biases)))
        return dict(zip(SIZES, values, strict=True))


def weight_edges(
    model: Model,
    circuit: Circuit,
    *,
    read: Sequence[int] | None = None,
    written: Sequence[int] | None = None,
    transfer: bool = False,
) -> WeightEdges:
    """The nonzero weights between a circuit's nodes.

    An edge is a nonzero entry of a projection between two kept channels: from what a block reads
    (`act_in`) to queries, keys, values and neurons, and from values and neurons to what it writes
    (`resid_delta`). Values reach the output projection through attention, which moves them from
    position to position and leaves channels apart. A query meets a key, and a read follows a write
    of the same stream channel, without a weight, so these are no edges. A site that the circuit's
    universe does not name is kept whole.

    Where channels compete (AbsTopK), dropped ones still decide which kept ones pass; the weights
    that they need for that are counted nowhere, in the paper neither.

    Args:
        model: the model, of a family whose nodes these are.
        circuit: the kept nodes, as a rule of `SPARSE_NODES`.
        read: tokens whose embeddings count, as a rule those of the task's prompts; None for all.
        written: tokens whose unembeddings count, as a rule right ones and foils; None for all.
        transfer: allow a circuit that was found in other weights of the same shape.

    Raises:
        CircuitError: the circuit does not fit the model, or more than one weight lies between two
            nodes of its family (gated MLPs, shared keys and values, norms behind a write).

    Source: weight-sparse transformers, section 2 (footnote 3) and A.5.
    """
    circuit.check(model, transfer=transfer)
    _one_weight_each(model)
    gates = circuit.universe.expand(circuit.active)
    connections: list[Connection] = []
    biases: list[Biases] = []
    for layer, block in enumerate(layers_of(model.hf, model.anatomy.family)):
        for source, target, linear in _projections(model, layer, block):
            kept = [_gate(model, gates, layer, site) for site in (source, target)]
            connections.append(_nonzero((layer, source, target), linear.weight.T, *kept))
            biases += _biases(linear, layer, target, kept[1])
    reads = _somewhere(model, gates, ("attn.act_in", "mlp.act_in"))
    reads &= _gate(model, gates, 0, "embed")
    writes = _somewhere(model, gates, ("attn.resid_delta", "mlp.resid_delta"))
    table = model.hf.get_input_embeddings().weight.detach()
    head = model.hf.get_output_embeddings().weight.detach()
    into, out_of = (0, TOKEN, STREAM), (model.shape.n_layers - 1, STREAM, TOKEN)
    return WeightEdges(
        circuit=circuit,
        connections=tuple(connections),
        embedding=_nonzero(into, table, _chosen(read, len(table)), reads),
        unembedding=_nonzero(out_of, head.T, writes, _chosen(written, len(head))),
        biases=tuple(biases),
    )


def _one_weight_each(model: Model) -> None:
    family, shape = model.anatomy.family, model.shape
    gated = len(family.gate_up) * family.gate_up_parts > 1
    normed = not family.behind_qkv and (family.attn.write or family.mlp.write)
    shared = any(
        shape.width(layer, "attn.v") != shape.width(layer, "attn.z")
        for layer in range(shape.n_layers)
    )
    if gated or normed or shared:
        raise CircuitError(
            f"in {model.name} ({family.name}) no single weight stands between two nodes, so its "
            "circuits have no edges of this kind: use a weight-sparse transformer or its dense twin"
        )


def _projections(model: Model, layer: int, block: nn.Module) -> Iterator[tuple[Site, Site, Linear]]:
    """Every projection of a layer, with the sites that it connects."""
    family = model.anatomy.family
    if model.shape.width(layer, "attn.z"):
        sites: tuple[Site, ...] = ("attn.q", "attn.k", "attn.v")
        parts = read_qkv(block, family, [model.tap(layer, site) for site in sites])
        yield from (("attn.act_in", *pair) for pair in zip(sites, parts, strict=True))
        yield "attn.v", "attn.resid_delta", read_linear(block.get_submodule(family.out))
    if model.shape.width(layer, "mlp.post_act"):
        (up,) = read_gate_up(block, family)
        yield "mlp.act_in", "mlp.post_act", up
        yield "mlp.post_act", "mlp.resid_delta", read_linear(block.get_submodule(family.down))


def _gate(model: Model, gates: Gates, layer: int, site: Site) -> Bool[Tensor, " width"]:
    """A site's kept channels; values count only as far as what heads make of them is kept too."""
    gate = gates.get((layer, site))
    if gate is None:
        gate = torch.ones(model.shape.width(layer, site), dtype=torch.bool)
    return gate & _gate(model, gates, layer, "attn.z") if site == "attn.v" else gate


def _somewhere(model: Model, gates: Gates, sites: Sequence[Site]) -> Bool[Tensor, " d_model"]:
    """Stream channels that one of these sites keeps, in any layer."""
    kept = torch.zeros(model.shape.width(0, "embed"), dtype=torch.bool)
    for layer in range(model.shape.n_layers):
        for site in sites:
            if model.shape.width(layer, site):
                kept |= _gate(model, gates, layer, site)[: len(kept)]
    return kept


def _nonzero(
    where: tuple[int, Site, Site],
    matrix: Float[Tensor, "start end"],
    starts: Bool[Tensor, " start"],
    ends: Bool[Tensor, " end"],
) -> Connection:
    """Nonzero entries between chosen rows and columns."""
    layer, source, target = where
    rows, columns = starts.nonzero()[:, 0], ends.nonzero()[:, 0]
    part = matrix.cpu().float().index_select(0, rows).index_select(1, columns)
    start, end = part.nonzero(as_tuple=True)
    return Connection(
        layer=layer,
        source=source,
        target=target,
        start=rows[start],
        end=columns[end],
        weight=part[start, end],
        pairs=part.numel(),
    )


def _biases(linear: Linear, layer: int, site: Site, kept: Tensor) -> list[Biases]:
    if linear.bias is None:
        return []
    value = linear.bias.cpu().float() * kept
    channel = value.nonzero()[:, 0]
    return [Biases(layer=layer, site=site, channel=channel, value=value[channel])]


def _chosen(tokens: Sequence[int] | None, vocabulary: int) -> Bool[Tensor, " vocabulary"]:
    if tokens is None:
        return torch.ones(vocabulary, dtype=torch.bool)
    chosen = torch.zeros(vocabulary, dtype=torch.bool)
    chosen[torch.tensor(list(tokens), dtype=torch.long)] = True
    return chosen
