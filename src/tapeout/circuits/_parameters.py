"""How many parameters of a model's blocks a circuit keeps, by two rules."""

from ..models import FAMILIES, ModelShape
from ._units import LayerUnits

BIASED = ("gpt2", "gpt_neox")
"""Families all of whose projections have biases."""


def paper_parameters(shape: ModelShape, layer: int, left: LayerUnits) -> int:
    """A layer's parameters by the rule of multi-granular node pruning (paper 5, section 5.2).

    The rule is that of the paper's published script: no embeddings, norms or unembedding; a
    channel of a head costs a row of query, key and value and a column of the output projection
    each, and the MLP's second matrix is as wide as both its ends are. Biases are counted where
    the family has them on all projections. Under grouped-query attention keys and values have
    fewer rows, in proportion.
    """
    d_model, biased = shape.width(0, "embed"), shape.family in BIASED
    total = 0
    if left.attention:
        query = int(left.head_channels.sum())
        key = query * shape.width(layer, "attn.k") // shape.width(layer, "attn.z")
        total += (query + 2 * key) * (d_model + biased) + (query + biased) * d_model
    if left.mlp:
        hidden, outputs = int(left.hidden.sum()), int(left.outputs.sum())
        total += _readers(shape) * hidden * (d_model + biased) + (hidden + biased) * outputs
    return total


def cut_parameters(shape: ModelShape, layer: int, left: LayerUnits) -> int:
    """A layer's weights that an extraction keeps: matrices alone, no biases, norms or padding.

    Heads stay or go as a whole, a key/value head as long as a query head reads it, and a block
    writes to the whole stream. Where channels compete (AbsTopK), what comes before stays whole.
    """
    family, d_model = FAMILIES[shape.family], shape.width(0, "embed")
    total = 0
    if left.attention:
        heads, kv = int(left.heads.sum()), shape.heads(layer, "attn.k")
        rows = heads + 2 * int(left.heads.view(kv, -1).any(dim=1).sum())
        if family.behind_qkv:
            rows = 3 * len(left.heads)
        total += shape.head_dim * (rows * shape.width(layer, "attn.act_in") + heads * d_model)
    if hidden := int(left.hidden.sum()):
        rows = len(left.hidden) if family.behind_gate_up else hidden
        total += _readers(shape) * rows * shape.width(layer, "mlp.act_in") + hidden * d_model
    return total


def _readers(shape: ModelShape) -> int:
    """Matrices whose rows are MLP channels: 2 in a gated MLP, else 1."""
    family = FAMILIES[shape.family]
    return len(family.gate_up) * family.gate_up_parts
