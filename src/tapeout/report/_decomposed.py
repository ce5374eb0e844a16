"""Directions in parameter space: their errors and effects beside others', and what they are of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ._fields import Fields, damaged
from ._html import Html, code, details, isolated, join, name, section, table, tag
from ._plain import plain
from ._text import clean, joined, number, percent, short
from ._values import Average
from ._weights_view import seen

WORDS = {
    "random": "random, same rank",
    "svd": "weights' singular, same rank",
    "pca": "principal, full rank",
}
HEAD = ("Directions", "Error", "Fitted", "Below principal")
EFFECTS = (
    "Directions", "Numbers each", "Effect ratio", "Moved by", "Measured", "Too rare or common",
)  # fmt: skip
NARROW = ("Directions", "Error", "Below principal", "Effect ratio")
"""What has room in a terminal."""

ERRORS = (
    "Error: the part of held-out gradients that is not rebuilt; fitted: with the coefficients that "
    "fit best on the same directions; below principal: by how much the error is lower than that of "
    "principal directions on the same samples"
)
RATIOS = (
    "Effect ratio: how many times more the model's predictions change (KL) where a direction is "
    "active than elsewhere, the geometric mean over those measured, each moved until predictions "
    "change alike on average; too rare or common: active in too few or too many samples for that"
)
INTERVALS = "95% bootstrap intervals"
MISSING = "–"
ENDS = {"up": 1, "down": -1}
"""Of a direction's tokens: the sign of their slopes."""


@dataclass(frozen=True)
class Line:
    """One set of directions."""

    title: str
    errors: list[str]
    effects: list[str]

    @property
    def cells(self) -> dict[str, str]:
        """All of them by their columns."""
        own = [
            *zip(HEAD[1:], self.errors, strict=True),
            *zip(EFFECTS[1:], self.effects, strict=True),
        ]
        return {"Directions": self.title} | dict(own)


@dataclass(frozen=True)
class Example:
    """What one direction is of."""

    direction: int
    used: float
    contexts: list[tuple[float, tuple[str, str, str]]]
    up: list[tuple[str, float]]
    down: list[tuple[str, float]]


@dataclass(frozen=True)
class Compared:
    """What a `directions` stage reports."""

    words: str
    how: str
    lines: list[Line]
    examples: list[Example]

    @classmethod
    def of(cls, fields: Fields) -> "Compared":
        parameters = [parameter for parameter, _ in fields.child("parameters").leaves()]
        ranks = sorted({str(rank) for _, rank in fields.child("ranks").counts()})
        n, active = fields.whole("n"), fields.finite("active") * fields.whole("count")
        words = (
            f"{fields.text('split')}, n = {n:,}, learned on {fields.whole('train_n'):,}; "
            f"{fields.whole('count'):,} directions of rank {joined(ranks)}, "
            f"{number(active)} active in a sample"
        )
        how = (
            f"{joined(parameters[:4])}{' and more' if len(parameters) > 4 else ''}; weights are "
            f"moved until predictions change by {number(fields.finite('effect'))} nats (mean KL)"
        )
        lines = [_line(row) for row in fields.children("sets")]
        return cls(words, how, lines, [_example(row) for row in fields.children("examples")])


def _line(fields: Fields) -> Line:
    key = fields.text("name")
    title = set_words(key)
    specific = fields.child("specificity")
    ratio = str(Average.of(specific.child("ratio"))) if "ratio" in specific else MISSING
    moved = percent(specific.finite("moved"), 2) if "moved" in specific else MISSING
    parts = ("error", "fitted", "below_pca")
    error, fitted, below = (_thousandths(Average.of(fields.child(part))) for part in parts)
    counts = f"{len(specific.children('rows')):,}", f"{specific.whole('left_out'):,}"
    errors = [error, fitted, MISSING if key == "pca" else below]
    return Line(title, errors, [f"{fields.whole('numbers'):,}", ratio, moved, *counts])


def set_words(key: str) -> str:
    """A set of directions by the name that a `directions` stage gives it."""
    return WORDS.get(key, f"learned, seed {key.rpartition('-')[2]}")


def _thousandths(found: Average) -> str:
    """Parts of the energy; of small differences further digits say nothing."""
    value, low, high = (f"{x:.3f}".replace("-", "−") for x in (found.value, found.low, found.high))
    return f"{value} [{low}, {high}]"


def _example(fields: Fields) -> Example:
    return Example(
        direction=fields.whole("direction"),
        used=fields.finite("used"),
        contexts=[
            (
                row.finite("impact"),
                (row.text("before", ""), row.text("token", ""), row.text("after", "")),
            )
            for row in fields.children("contexts")
        ],
        **{end: slopes_of(fields, end) for end in ENDS},
    )


def slopes_of(fields: Fields, end: str) -> list[tuple[str, float]]:
    """Tokens at an end of a ranking by slope; where all of it falls, its upper end has none."""
    rows = [(row.text("token"), row.finite("slope")) for row in fields.children(end)]
    return [(token, slope) for token, slope in rows if slope * ENDS[end] > 0]


def directions_sentence(fields: Fields) -> Html:
    """Errors of the first learned set and of principal directions, in a sentence.

    Raises:
        RunError: there are no such sets.
    """
    sets = fields.children("sets")
    rows = sets[:1] + [row for row in sets[1:] if row.text("name") == "pca"][:1]
    if len(rows) < 2:
        raise damaged(f"{fields.where}.sets", "learned and principal directions")
    learned, principal = rows
    active = number(fields.finite("active") * fields.whole("count"))
    left, theirs = (percent(Average.of(row.child("error")).value) for row in rows)
    return join(
        f"Of {fields.whole('count'):,} learned directions {active} are active in a sample and "
        f"leave {left} of held-out gradients unexplained (",
        name(fields.text("split")),
        f", n = {fields.whole('n'):,}) with {learned.whole('numbers'):,} numbers a direction; "
        f"principal directions leave {theirs} with {principal.whole('numbers'):,}.",
    )


def directions_tables(metrics: Mapping[str, Any]) -> RenderableType:
    """All sets of directions beside each other, and tokens of the most used ones.

    Raises:
        RunError: the metrics are not those of a `directions` stage.
    """
    found = Compared.of(Fields(metrics, "directions metrics"))
    drawn = plain(f"Directions on {found.words}")
    _columns(drawn, *NARROW)
    for line in found.lines:
        drawn.add_row(*(Text(line.cells[head]) for head in NARROW))
    drawn.caption = Text(f"{ERRORS}. {RATIOS}. {INTERVALS}.")
    tokens = plain("What the most used directions make more likely, and less")
    _columns(tokens, "Direction", "Used in", "More likely", "Less likely", words=(2, 3))
    for example in found.examples[:8]:
        ends = (
            " ".join(seen(short(t, 16)) for t, _ in end[:4]) for end in (example.up, example.down)
        )
        tokens.add_row(Text(str(example.direction)), Text(percent(example.used)), *map(Text, ends))
    return Group(drawn, Text(), tokens) if found.examples else drawn


def _columns(drawn: Table, *heads: str, words: Sequence[int] = ()) -> None:
    for place, head in enumerate(heads):
        justify = "left" if place in (0, *words) else "right"
        drawn.add_column(Text(head.lower()), justify=justify, overflow="fold")


def directions_section(stages: Sequence[tuple[str, Fields]]) -> Html:
    """Every comparison, with examples."""
    parts: list[Html] = []
    for title, fields in stages:
        found = Compared.of(fields)
        about = join(tag("b", name(title)), ": ", name(found.words), ". ")
        errors = [[name(line.title), *line.errors] for line in found.lines]
        caption = join(about, f"{ERRORS}. {INTERVALS}.")
        label = isolated(title)
        parts.append(table(caption, HEAD, [(None, errors)], label=f"Errors of {label}"))
        effects = [[name(line.title), *line.effects] for line in found.lines]
        caption = join(name(found.how), f". {RATIOS}; moved by: how far that is, as a part of the ")
        caption = join(caption, f"weights' norm. {INTERVALS}.")
        parts.append(table(caption, EFFECTS, [(None, effects)], label=f"Effects of {label}"))
        parts.append(_examples(title, found.examples))
    return section("Directions in parameter space", *parts)


def _examples(title: str, examples: Sequence[Example]) -> Html:
    groups = [
        (
            join(
                f"Direction {example.direction}, active in {percent(example.used)}: ",
                _ends(example),
            ),
            [[number(impact), _context(parts)] for impact, parts in example.contexts],
        )
        for example in examples
    ]
    if not groups:
        return Html()
    caption = (
        "The windows on which the most used directions bear most (mean size of the coefficient "
        "over references; what follows the marked token is predicted), and the tokens whose "
        "log-probability rises and falls most when the weights move along the direction."
    )
    label = f"Examples of {isolated(title)}"
    shown = table(caption, ["Impact", "Text"], groups, label=label, words=(1,))
    return details(f"Examples of {len(groups):,} directions", shown)


def _ends(example: Example) -> Html:
    ups, downs = (
        join(
            *(join(" " if place else "", code(seen(token))) for place, (token, _) in enumerate(end))
        )
        for end in (example.up, example.down)
    )
    return join("more likely ", ups or MISSING, "; less likely ", downs or MISSING)


def _context(parts: tuple[str, str, str]) -> Html:
    before, token, after = map(seen, parts)
    return tag("code", tag("bdi", before), tag("mark", tag("bdi", token)), tag("bdi", after))


LEARNED = ("Directions", "Seed", "Active", "Error on train", "On validation", "Dead", "Chosen")


def learned_table(stages: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    """What was learned, from what `decompose` stages report, by their names.

    Raises:
        RunError: the metrics are not those of such stages.
    """
    drawn = plain("Learned directions")
    _columns(drawn, "Stage", *LEARNED, words=(7,))
    for title, metrics in stages:
        drawn.add_row(*map(Text, [clean(title), *_learned(Fields(metrics, "decompose metrics"))]))
    return drawn


def learned_section(stages: Sequence[tuple[str, Fields]]) -> Html:
    """What was learned, and what was tried."""
    if not stages:
        return Html()
    rows = [[name(title), *_learned(fields)] for title, fields in stages]
    caption = "Reconstruction errors: the part of the gradients' energy that is not rebuilt."
    if any(row[-1] != MISSING for row in rows):
        caption += " Settings are chosen by the validation split."
    head = ["Stage", *LEARNED]
    return section("Learned directions", table(caption, head, [(None, rows)], label="Learned"))


def _learned(fields: Fields) -> list[str]:
    tried = len(fields.children("tried"))
    chosen = ", ".join(f"{key}={value}" for key, value in fields.child("chosen").leaves())
    return [
        f"{fields.whole('count'):,}",
        str(fields.whole("seed")),
        percent(fields.finite("active")),
        number(fields.finite("train_error")),
        number(fields.finite("validation_error")),
        f"{fields.whole('dead'):,}",
        f"{chosen} (of {tried})" if tried > 1 else MISSING,
    ]
