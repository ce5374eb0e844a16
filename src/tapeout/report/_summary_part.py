"""The page's tables of circuits at every granularity."""

from collections.abc import Sequence

from ._html import Html, details, isolated, join, name, paragraph, table, tag
from ._results import Stage
from ._summary import COUNT_HEAD, LAYER_HEAD, PART_HEAD, Summary
from ._text import capital


def summary_part(stage: Stage) -> Html:
    """What a circuit keeps by granularity, in edges, in parameters, and layer by layer."""
    if "summary" not in stage.metrics:
        return Html()
    found, label = Summary.of(stage.metrics.child("summary")), f"of {isolated(stage.name)}"
    caption = join(
        name(stage.name),
        ": units that can still act. A dropped block or head takes all inside it along, and one "
        "with nothing left inside counts as dropped.",
        " Gates of queries, keys and values are not looked at." if _has_inputs(stage) else "",
    )
    parts = table(
        caption,
        _titles(PART_HEAD),
        [(None, found.part_lines)],
        label=f"Units {label}",
        words=(0, 4),
    )
    counts = table(
        "Edges between what is left, and parameters of attention and MLPs.",
        _titles(COUNT_HEAD),
        [(None, found.count_lines)],
        label=f"Edges {label}",
    )
    lines = [layer.cells for layer in found.layers]
    layers = table("Layer by layer", _titles(LAYER_HEAD), [(None, lines)], label=f"Layers {label}")
    heads = paragraph(tag("b", found.heads_title), ": ", found.heads_words)
    return join(parts, counts, details("Layers and heads", layers, heads))


def _has_inputs(stage: Stage) -> bool:
    sites = ("attn.q:", "attn.k:", "attn.v:")
    return any(part.startswith(sites) for part, _ in stage.metrics.named("by_part"))


def _titles(heads: Sequence[str]) -> list[str]:
    return [capital(head) for head in heads]
