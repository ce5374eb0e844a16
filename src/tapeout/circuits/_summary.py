"""What a circuit keeps, counted as multi-granular node pruning reports it (paper 5, tables 1-6)."""

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from typing import Any

from ..models import ModelShape
from ._as_edges import as_edges
from ._circuit import Circuit
from ._edge_circuit import EdgeCircuit
from ._edge_universe import EdgeUniverse
from ._paper_edges import paper_edges
from ._parameters import cut_parameters, paper_parameters
from ._units import LayerUnits, Units
from ._universe import Universe


@dataclass(frozen=True, kw_only=True)
class Count:
    """`kept` of `total`."""

    kept: int
    total: int

    @property
    def sparsity(self) -> float:
        """The share that is gone."""
        return 1 - self.kept / self.total if self.total else 0.0

    def __add__(self, other: "Count") -> "Count":
        return Count(kept=self.kept + other.kept, total=self.total + other.total)


@dataclass(frozen=True, kw_only=True)
class LayerSummary:
    """What is left of a layer (paper 5, tables 4 to 6).

    Attributes:
        layer: its number, from 0.
        attention, mlp: whether anything is left of the block.
        heads: query heads that are left.
        kept_heads: their numbers, from 0.
        head_channels: channels of the heads' results, before the output projection.
        hidden: MLP channels.
        outputs: channels that the MLP writes.
    """

    layer: int
    attention: bool
    mlp: bool
    heads: Count
    kept_heads: tuple[int, ...]
    head_channels: Count
    hidden: Count
    outputs: Count


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A circuit's sizes at every granularity.

    A unit counts as kept if it can still act: what lies in a dropped block or head is gone, and so
    is a block or head of which nothing is left inside. What the universe does not name is there.

    Attributes:
        granularities: part, such as `attn.z:head`, -> units left, in the paper's order; the six
            of its table 1 whether or not they are in play, and `embed:block` or `layer:block` if
            they are.
        gated: those of them that have gates of their own in the circuit's universe.
        layers: layer by layer.
        paper_edges: all edges among the heads and MLPs left, by the paper's rule; None for a
            circuit of edges, which has its own.
        edges: the same by the literature's rule (ACDC, EAP, MIB), along paths from the embedding
            to the logits; None for a family whose heads have no edges of their own.
        paper_parameters: of attention and MLP by the paper's rule.
        parameters: weights of attention and MLP that an extraction keeps.
    """

    granularities: dict[str, Count]
    gated: tuple[str, ...]
    layers: tuple[LayerSummary, ...]
    paper_edges: Count | None
    edges: Count | None
    paper_parameters: Count
    parameters: Count

    @property
    def heads(self) -> list[str]:
        """Names of the heads that are left, such as `9.6` for head 6 of layer 9."""
        return [f"{row.layer}.{head}" for row in self.layers for head in row.kept_heads]

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        counts = {
            part: asdict(count) | {"gated": part in self.gated}
            for part, count in self.granularities.items()
        }
        layers = [asdict(row) | {"kept_heads": list(row.kept_heads)} for row in self.layers]
        return asdict(self) | {
            "granularities": counts,
            "gated": list(self.gated),
            "layers": layers,
            "heads": self.heads,
        }


def summarise(circuit: Circuit | EdgeCircuit, *, parallel: bool | None = None) -> Summary:
    """Count what a circuit keeps.

    Args:
        circuit: of nodes; or of edges, whose heads and MLPs are those that write along one.
        parallel: of nodes: attention and MLP of a layer read the same stream, which changes how
            many edges there are; by default True for GPT-NeoX, as in Pythia.
    """
    shape = circuit.universe.shape
    full = Units.of(Circuit.full(Universe.of(shape, "embed:block")))
    if isinstance(circuit, EdgeCircuit):
        left, gated, among = Units.of_edges(circuit), {"attn.z:head", "mlp.resid_delta:block"}, None
        edges = Count(kept=circuit.size, total=circuit.universe.size)
    else:
        left, gated = Units.of(circuit), {f"{site}:{unit}" for site, unit in circuit.universe.parts}
        among = Count(kept=_paper_edges(left), total=_paper_edges(full))
        edges = _edges(circuit, shape.family == "gpt_neox" if parallel is None else parallel)
    rows = tuple(
        _row(layer, own, whole)
        for layer, (own, whole) in enumerate(zip(left.layers, full.layers, strict=True))
    )

    def parameters(rule: Callable[[ModelShape, int, LayerUnits], int]) -> Count:
        kept, total = (sum(rule(shape, i, u) for i, u in enumerate(x.layers)) for x in (left, full))
        return Count(kept=kept, total=total)

    return Summary(
        granularities=_granularities(gated, rows, left),
        gated=tuple(sorted(gated)),
        layers=rows,
        paper_edges=among,
        edges=edges,
        paper_parameters=parameters(paper_parameters),
        parameters=parameters(cut_parameters),
    )


def _row(layer: int, left: LayerUnits, full: LayerUnits) -> LayerSummary:
    def count(name: str) -> Count:
        own, whole = getattr(left, name), getattr(full, name)
        return Count(kept=int(own.sum()), total=len(whole))

    return LayerSummary(
        layer=layer,
        attention=left.attention,
        mlp=left.mlp,
        heads=count("heads"),
        kept_heads=tuple(left.heads.nonzero()[:, 0].tolist()),
        head_channels=count("head_channels"),
        hidden=count("hidden"),
        outputs=count("outputs"),
    )


def _granularities(
    gated: Collection[str], rows: tuple[LayerSummary, ...], left: Units
) -> dict[str, Count]:
    def over_layers(name: str) -> Count:
        return sum((getattr(row, name) for row in rows), Count(kept=0, total=0))

    blocks = {
        "attn.resid_delta:block": Count(
            kept=sum(row.attention for row in rows), total=sum(row.heads.total > 0 for row in rows)
        ),
        "mlp.resid_delta:block": Count(
            kept=sum(row.mlp for row in rows), total=sum(row.outputs.total > 0 for row in rows)
        ),
    }
    above: dict[str, Count] = {}
    if "embed:block" in gated:
        above["embed:block"] = Count(kept=int(left.embedding.any()), total=1)
    if "layer:block" in gated:
        layers = sum(row.attention or row.mlp for row in rows)
        above["layer:block"] = Count(kept=layers, total=len(rows))
    return (
        above
        | blocks
        | {
            "attn.z:head": over_layers("heads"),
            "attn.z:channel": over_layers("head_channels"),
            "mlp.post_act:channel": over_layers("hidden"),
            "mlp.resid_delta:channel": over_layers("outputs"),
        }
    )


def _paper_edges(units: Units) -> int:
    heads = [int(layer.heads.sum()) for layer in units.layers]
    return paper_edges(heads, [layer.mlp for layer in units.layers])


def _edges(circuit: Circuit, parallel: bool) -> Count | None:
    if not EdgeUniverse.exists(circuit.universe.shape):
        return None
    universe = EdgeUniverse(circuit.universe.shape, parallel)
    return Count(kept=as_edges(circuit, universe).size, total=universe.size)
