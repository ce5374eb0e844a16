"""Circuits as weights: how many there are, and a picture of each."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ._fields import Fields
from ._html import Html, code, details, isolated, join, name, paragraph, section, table, tag
from ._plain import plain
from ._text import number, share
from ._weights_view import MeanSize, Weights
from ._wiring import wiring, wiring_legend

HEAD = ("Nodes", "Edges", "Of possible", "Embedding", "Unembedding", "Biases")
WHAT = (
    "Edges are nonzero weights between two kept nodes, within attention and MLP blocks; embedding "
    "and unembedding those of the task’s tokens, which are not among them, and neither are biases"
)
_AT_THE_ENDS = (
    ". At the ends stand the prompts’ tokens that write most of a channel, and the right tokens "
    "and foils that it weighs most in, with the signs of their weights."
)

OPEN = 3
"""So many pictures are shown, the others on demand."""


def _cells(found: Weights) -> list[str]:
    nodes, edges, *others = found.counts
    part = share(edges / found.pairs) if found.pairs else "–"
    return [f"{nodes:,}", f"{edges:,}", part, *(f"{count:,}" for count in others)]


def _mean_cells(found: MeanSize) -> list[str]:
    nodes, edges, *others = map(number, found.means)
    return [nodes, edges, "", *others]


def _mean_words(title: str, found: MeanSize) -> str:
    circuits = "circuit" if found.n == 1 else "circuits"
    return f"{title}: geometric mean of {found.n} {circuits}"


def weights_table(metrics: Mapping[str, Any]) -> Table:
    """A circuit's weights, layer by layer, from what a `weight_edges` stage reports.

    Raises:
        RunError: the metrics are not those of such a stage.
    """
    found = Weights.of(Fields(metrics, "weight_edges metrics"))
    drawn = plain(f"Weights of a circuit for {found.task}")
    for place, head in enumerate(("layer", *HEAD)):
        drawn.add_column(Text(head.lower()), justify="right" if place else "left", overflow="fold")
    for layer, (nodes, edges, biases) in found.layers:
        drawn.add_row(*map(Text, [str(layer), f"{nodes:,}", f"{edges:,}", "", "", "", str(biases)]))
    drawn.add_row(*map(Text, ["all", *_cells(found)]))
    drawn.caption = Text(f"{WHAT} ({found.split}).")
    return drawn


def mean_table(metrics: Mapping[str, Any]) -> Group:
    """Geometric means, from what a `mean_size` stage reports.

    Raises:
        RunError: the metrics are not those of such a stage.
    """
    found = MeanSize.of(Fields(metrics, "mean_size metrics"))
    drawn = plain(_mean_words("circuit sizes", found))
    for head in HEAD:
        drawn.add_column(Text(head.lower()), justify="right")
    drawn.add_row(*map(Text, _mean_cells(found)))
    return Group(drawn)


def weights_section(
    stages: Sequence[tuple[str, Weights]], means: Sequence[tuple[str, MeanSize]]
) -> Html:
    """All circuits in one table, and a picture of each."""
    if not stages:
        return Html()
    rows = [[name(title), name(found.task), *_cells(found)] for title, found in stages]
    rows += [[name(_mean_words(title, found)), "", *_mean_cells(found)] for title, found in means]
    splits = sorted({f"{found.split}, n = {found.n:,}" for _, found in stages})
    caption = join(f"{WHAT} (", name("; ".join(splits)), ").")
    main = table(caption, ("Circuit", "Task", *HEAD), [(None, rows)], label="Weights", words=(0, 1))
    pictures = [_picture(title, found) for title, found in stages]
    shown, more = pictures[:OPEN], pictures[OPEN:]
    rest = details(f"{len(more)} more pictures", *more) if more else Html()
    return section("The circuit as weights", main, wiring_legend(), *shown, rest)


def _picture(title: str, found: Weights) -> Html:
    drawn = found.diagram
    words = (
        "Horizontal lines are channels of the residual stream, between them stand queries (q), "
        "keys (k), values (v) and neurons with their channels’ numbers. An edge is as wide as the "
        "root of its flow: its weight times the standard deviation of what it carries on "
    )
    flow = join(words, name(found.split), _AT_THE_ENDS)
    label = f"Circuit {isolated(title)}"
    figure = tag(
        "figure",
        wiring(drawn, label),
        tag("figcaption", tag("b", name(title)), ". ", flow, " ", *_left_out(found)),
    )
    if not drawn.nodes:
        return paragraph(name(title), " has no edges.")
    return join(figure, _edge_table(title, found))


def _left_out(found: Weights) -> list[str]:
    drawn, said = found.diagram, []
    if drawn.more_nodes or drawn.more_edges:
        said.append(
            f"Not shown, as there are too many: {drawn.more_nodes:,} nodes and "
            f"{drawn.more_edges:,} edges, the weakest by flow. "
        )
    if drawn.unconnected:
        one = drawn.unconnected == 1
        nodes = (
            "kept node has no edge to another and is"
            if one
            else ("kept nodes have no edge to another and are")
        )
        said.append(f"{drawn.unconnected:,} {nodes} not shown.")
    return said


def _edge_table(title: str, found: Weights) -> Html:
    rows = [
        [code(str(edge.source)), code(str(edge.target)), number(edge.weight), number(edge.flow)]
        for edge in found.diagram.edges
    ]
    if not rows:
        return Html()
    label = f"Edges of {isolated(title)}"
    head = ("From", "To", "Weight", "Flow")
    caption = join("Edges of ", name(title), ", strongest first.")
    return details("Edges", table(caption, head, [(None, rows)], label=label, words=(0, 1)))
