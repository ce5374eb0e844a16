"""Toys whose circuits are known, taken apart: errors, and how near directions come."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from ._fields import Fields
from ._html import Html, join, name, section, table
from ._plain import plain
from ._text import clean, joined, number

MEASURES = {
    "mmcs": ("MMCS", "the largest cosine similarity of a direction to the right one, on average"),
    "ml2r": ("ML2R", "how much of the right one's length the best direction carries"),
    "coefficient_r2": ("r²", "of coefficients, against the toy's own map"),
    "r2_cap": ("Highest possible r²", "that any map through the toy's few units can have"),
    "off_left": ("Left when off", "of a feature's output, when weights move along its direction"),
    "off_others": ("Others then", "by how much the other outputs change, the mean over features"),
    "off_leak": ("Of it leak", "what they lose anyway when the feature is not in the input"),
    "specificity": ("Specificity", "how many times more outputs change where a feature is active"),
    "specificity_middle": ("Of the middle", "specificity of hidden layers but the first"),
}
HEAD = ("Stage", "Toy", "Divergence", "Directions", "Error", "Dead", "Found")
WORDS = (0, 1, 2)
WHAT = (
    "Error: the part of held-out gradients that is not rebuilt, which cannot be compared across "
    "divergences. Dead: directions that no sample uses. Found: groups of features that have a "
    "direction of their own"
)


def toys_table(stages: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    """What `toy` stages report, by their names.

    Raises:
        RunError: the metrics are not those of such stages.
    """
    read = [(clean(title), Fields(m, "toy metrics")) for title, m in stages]
    head, rows = _rows(read)
    drawn = plain("Toys taken apart")
    for place, words in enumerate(head):
        justify = "left" if place in WORDS else "right"
        drawn.add_column(Text(words.lower()), justify=justify, overflow="fold")
    for row in rows:
        drawn.add_row(*map(Text, row))
    drawn.caption = Text(f"{_what(read)}.")
    return drawn


def toys_section(stages: Sequence[tuple[str, Fields]]) -> Html:
    """All toys of a run as one table."""
    if not stages:
        return Html()
    head, rows = _rows(stages)
    sizes = sorted({f"{fields.whole('n'):,}" for _, fields in stages})
    caption = join(f"{_what(stages)}. Held-out pairs of samples: n = {', '.join(sizes)}.")
    cells = [[*map(name, row[:3]), *row[3:]] for row in rows]
    return section("Toys", table(caption, head, [(None, cells)], label="Toys", words=WORDS))


def toys_sentence(stages: Sequence[tuple[str, Fields]]) -> Html:
    """How many groups of features the toys' directions found."""
    found = [fields.child("measures") for _, fields in stages]
    least, most = (end(some.whole("found") for some in found) for end in (min, max))
    groups = sorted({some.whole("groups") for some in found})
    toys = sorted({fields.text("toy") for _, fields in stages})
    return join(
        name(joined(toys)),
        ": directions of their own are found for ",
        f"{least}" if least == most else f"{least} to {most}",
        f" of {joined([str(group) for group in groups])} groups of features, in ",
        f"{len(stages)} decompositions." if len(stages) > 1 else "one decomposition.",
    )


def _there(stages: Sequence[tuple[str, Fields]]) -> list[str]:
    """The measures that some of the toys have."""
    return [key for key in MEASURES if any(key in f.child("measures") for _, f in stages)]


def _what(stages: Sequence[tuple[str, Fields]]) -> str:
    told = [f"{words}: {what}" for words, what in (MEASURES[key] for key in _there(stages))]
    return ". ".join([WHAT, *told])


def _rows(stages: Sequence[tuple[str, Fields]]) -> tuple[list[str], list[list[str]]]:
    """The columns that some of the toys have, and every toy's."""
    there = _there(stages)
    rows = []
    for title, fields in stages:
        found = fields.child("measures")
        row = [
            title,
            fields.text("toy"),
            fields.text("divergence"),
            f"{fields.whole('count'):,}",
            number(fields.finite("error")),
            f"{fields.whole('dead'):,}",
            f"{found.whole('found')}/{found.whole('groups')}",
        ]
        rows.append(row + [number(found.finite(key)) if key in found else "–" for key in there])
    return [*HEAD, *(MEASURES[key][0] for key in there)], rows
