"""A graph as EAP-IG and MIB keep it: edges, nodes and neurons, with scores and membership."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from ..errors import CircuitError
from ._edge_circuit import EdgeCircuit, EdgeScores
from ._edge_universe import EdgeUniverse


class EapLayout:
    """How EAP-IG lays out the edges of a model: a table of all writers by all readers.

    There every query head has key and value readers of its own, so under grouped-query attention
    a reader of ours is several of its; `columns` says which of ours each of its is.

    Raises:
        CircuitError: the model's layers differ in their heads, or one lacks a block; such a model
            cannot be written down there.
    """

    def __init__(self, universe: EdgeUniverse) -> None:
        shape = universe.shape
        heads = {shape.heads(layer) for layer in range(shape.n_layers)}
        if len(heads) > 1 or 0 in heads or 0 in shape.widths["mlp.resid_delta"]:
            raise CircuitError(
                "EAP-IG's files are of models with as many heads in every layer, and an MLP"
            )
        self.universe = universe
        self.names: list[str] = []
        columns: list[int] = []
        for reader in universe.readers:
            if reader.kind in ("mlp", "logits"):
                self.names.append("logits" if reader.kind == "logits" else f"m{reader.layer}")
                columns.append(reader.start)
                continue
            (count,) = heads
            self.names += [f"a{reader.layer}.h{head}<{reader.kind}>" for head in range(count)]
            columns += [reader.start + head * reader.count // count for head in range(count)]
        self.columns: Int[Tensor, " columns"] = torch.tensor(columns)
        self.parts: Int[Tensor, " readers"] = self.columns.bincount()
        self.config = {
            "n_layers": shape.n_layers,
            "n_heads": heads.pop(),
            "parallel_attn_mlp": universe.parallel,
            "d_model": shape.width(0, "embed"),
        }

    @cached_property
    def real(self) -> Bool[Tensor, "writers columns"]:
        """Where in the table an edge is."""
        everywhere = torch.ones(self.universe.size, dtype=torch.bool)
        return self.universe.table(everywhere)[:, self.columns]

    @cached_property
    def weights(self) -> Int[Tensor, " edges"]:
        """How many of EAP-IG's edges each of ours is."""
        return self.parts[self.universe.places[:, 1]]

    def members(self, edges: Bool[Tensor, " edges"]) -> Bool[Tensor, "writers columns"]:
        """Our edges as a table of its."""
        return self.universe.table(edges)[:, self.columns]

    def shared_out(self, scores: Float[Tensor, " edges"]) -> Float[Tensor, "writers columns"]:
        """Scores as a table; an edge's is dealt out in equal parts over those that it is."""
        return (self.universe.table(scores) / self.parts)[:, self.columns]

    def gathered(self, table: Shaped[Tensor, "writers columns"]) -> Shaped[Tensor, " edges"]:
        """Its table as our edges: scores are added up, an edge is a member if any of its is."""
        table = torch.where(self.real, table, torch.zeros_like(table))
        whole = torch.zeros(len(table), len(self.parts), dtype=torch.float64)
        whole.index_add_(1, self.columns, table.double())
        edges = self.universe.of_table(whole)
        return edges > 0 if table.dtype == torch.bool else edges.float()


@dataclass(frozen=True, eq=False, kw_only=True)
class EapGraph:
    """One of EAP-IG's graphs; its neurons are what a writer writes into each residual channel.

    Attributes:
        universe: the model's edges.
        edges: members.
        nodes: writers that are members.
        neurons: their members, if the graph goes down to neurons.
        edge_scores: if edges are scored.
        node_scores, neuron_scores: if they are; NaN marks what is not, and always stays.
    """

    universe: EdgeUniverse
    edges: Bool[Tensor, " edges"]
    nodes: Bool[Tensor, " writers"]
    neurons: Bool[Tensor, "writers d_model"] | None = None
    edge_scores: Float[Tensor, " edges"] | None = None
    node_scores: Float[Tensor, " writers"] | None = None
    neuron_scores: Float[Tensor, "writers d_model"] | None = None

    @classmethod
    def of(cls, circuit: EdgeCircuit, scores: EdgeScores | None = None) -> "EapGraph":
        """A circuit's active edges, and the scores of all.

        Raises:
            CircuitError: the two are of different models.
        """
        if scores is not None and scores.universe != circuit.universe:
            raise CircuitError("scores and circuit are of different models' edges")
        active = circuit.active
        return cls(
            universe=circuit.universe,
            edges=active,
            nodes=circuit.universe.table(active).any(dim=1),
            edge_scores=None if scores is None else scores.values,
        )

    def circuit(self, **origin: Any) -> EdgeCircuit:
        """The members among the edges."""
        return EdgeCircuit(self.universe, self.edges, origin=origin)

    def scores(self, **origin: Any) -> EdgeScores:
        """The scores of the edges.

        Raises:
            CircuitError: the graph has none: it says membership alone, or scores nodes.
        """
        if self.edge_scores is None:
            raise CircuitError("this graph says which edges are in it, but has no scores of them")
        return EdgeScores(self.universe, self.edge_scores, origin=origin)

    @cached_property
    def size(self) -> float:
        """Edges as MIB counts them: its own, each weighted by the share of its writer's neurons."""
        layout = EapLayout(self.universe)
        out = layout.members(self.edges).sum(dim=1).double()
        if self.neurons is not None:
            out = out * self.neurons.double().mean(dim=1)
        return float(out.sum())
