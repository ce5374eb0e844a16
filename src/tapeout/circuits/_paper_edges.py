"""Edges as multi-granular node pruning counts them (paper 5, table 1: "edge compression")."""

from collections.abc import Sequence


def paper_edges(heads: Sequence[int], mlps: Sequence[bool]) -> int:
    """All edges among the heads and MLPs that are left, by the rule behind the paper's numbers.

    The rule is that of the paper's published script; the paper names none. A unit reads from every
    unit of the layers before its own: a head thrice (query, key, value), an MLP once. So an MLP
    has no edge from the heads of its own layer, and nothing has one from the embedding. Every unit
    has one edge to the logits. Edges inside of units count too: six a head, one an MLP, and one
    for the embedding.

    For GPT-2 small that makes 31,902 and 877 inside, 32,779 together; `as_edges` counts the 32,491
    of the literature.

    Args:
        heads: how many heads are left, layer by layer.
        mlps: whether the MLP is left, layer by layer.
    """
    units = [number + mlp for number, mlp in zip(heads, mlps, strict=True)]
    among = sum(
        sum(units[:layer]) * (3 * number + mlp)
        for layer, (number, mlp) in enumerate(zip(heads, mlps, strict=True))
    )
    to_logits, inside = sum(units), 6 * sum(heads) + sum(mlps) + 1
    return among + to_logits + inside
