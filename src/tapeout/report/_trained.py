"""Weight-sparse transformers that a run trained, and their dense twins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from ._curve import loss_curve
from ._fields import Fields
from ._html import Html, join, name, section, table
from ._plain import plain
from ._text import clean, number, share

TERMS = {"loss": "in training", "validation": "on held-out code"}


@dataclass(frozen=True)
class Trained:
    """What a `train` stage reports."""

    nonzero: int
    total: int
    asked: float
    possible: float
    tokens: int
    loss: float
    validated: int
    curve: list[tuple[str, list[tuple[int, float]]]]

    @classmethod
    def of(cls, fields: Fields) -> "Trained":
        points = fields.children("curve")
        return cls(
            nonzero=fields.whole("nonzero"),
            total=fields.whole("kept_sparse"),
            asked=fields.finite("asked"),
            possible=fields.finite("possible"),
            tokens=fields.whole("tokens"),
            loss=fields.finite("validation_loss"),
            validated=fields.whole("validation_tokens"),
            curve=[
                (words, [(p.whole("step"), p.finite(term)) for p in points if term in p])
                for term, words in TERMS.items()
            ],
        )

    @property
    def cells(self) -> list[str]:
        return [
            f"{self.nonzero:,}",
            share(self.nonzero / self.total),
            share(self.asked),
            share(self.possible),
            f"{self.tokens:,}",
            number(self.loss),
        ]


HEAD = ("Model", "Nonzero weights", "Share", "Asked for", "Least", "Tokens", "Validation loss")
WHAT = (
    "Nonzero weights are counted, in all parameters but norms, sinks and the bigram table; least: "
    "their share if only those were left that every neuron keeps. Loss in nats a token of held-out "
    "code"
)


def trained_table(stages: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    """All `train` stages of a run.

    Raises:
        RunError: the metrics are not those of such stages.
    """
    drawn = plain("trained models")
    for place, head in enumerate(HEAD):
        drawn.add_column(Text(head.lower()), justify="right" if place else "left", overflow="fold")
    for title, metrics in stages:
        found = Trained.of(Fields(metrics, f"train metrics {title}"))
        drawn.add_row(*map(Text, [clean(title), *found.cells]))
    drawn.caption = Text(f"{WHAT}.")
    return drawn


def trained_section(stages: Sequence[tuple[str, Trained]]) -> Html:
    """All of them as one table, and the loss of each over its steps."""
    if not stages:
        return Html()
    rows = [[name(title), *found.cells] for title, found in stages]
    counts = sorted({f"{found.validated:,}" for _, found in stages})
    caption = join(WHAT, f" (n = {' or '.join(counts)} tokens).")
    main = table(caption, HEAD, [(None, rows)], label="Trained models")
    what = "cross-entropy, in training that of each step's batch."
    figures = [loss_curve(title, found.curve, what) for title, found in stages]
    return section("Trained models", main, *figures)
