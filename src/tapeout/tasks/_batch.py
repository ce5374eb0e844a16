"""Batches of examples: teacher-forced, padded on the left, with or without partners."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from ..errors import TaskError
from ..models import Tokens
from ._example import Encoded, Example

Partner = Literal["counterfactual", "resample"]
"""Whose activations stand in: the matched example's, or another one's at random."""

NONE = -1


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Some examples of a split, all with answers of one length.

    A row of `tokens` is the prompt and all of the answer but its last token, so that the logits at
    the last `answer_length` positions predict the answer.

    Attributes:
        tokens: the clean rows.
        partners: for each row the one that its replaced nodes are taken from, of the same length.
        answers: the answer's tokens, shape [rows, answer_length].
        accepted: every right first token, -1 where a row has fewer; shape [rows, most].
        foils: every telling wrong first token, likewise; [rows, 0] if there are none.
        rows: where in the split each example stands.
        examples: the examples themselves.
    """

    tokens: Tokens
    partners: Tokens | None
    answers: Int[Tensor, "rows length"]
    accepted: Int[Tensor, "rows most"]
    foils: Int[Tensor, "rows most_foils"]
    rows: Int[Tensor, " rows"]
    examples: Sequence[Example]

    @property
    def answer_length(self) -> int:
        return self.answers.shape[1]

    @property
    def shared(self) -> int:
        """Leading columns in which every row equals its partner; 0 without partners.

        There, clean and partner run are one, and nothing can be replaced by anything else.
        """
        if self.partners is None:
            return 0
        same = (self.tokens.ids == self.partners.ids).all(dim=0)
        columns = int(same.long().cumprod(dim=0).sum())
        return min(columns, len(same) - self.answer_length)

    @property
    def lockstep(self) -> Tokens:
        """Clean rows, then their partners: what a paired replacement runs on."""
        if self.partners is None:
            raise TaskError("this batch was made without partners")
        return self.tokens.stack(self.partners)

    @property
    def prompts(self) -> Tokens:
        """The clean rows without any of the answer."""
        return _head(self.tokens, self.answer_length - 1)

    @property
    def lockstep_prompts(self) -> Tokens:
        """Prompts of the clean rows, then of their partners."""
        return _head(self.lockstep, self.answer_length - 1)

    def parts(self, tokens: int) -> "list[Batch]":
        """The same examples as batches of at most so many tokens each, or of one row."""
        rows = max(tokens // self.tokens.ids.shape[1], 1)
        if rows >= len(self):
            return [self]
        return [self._part(slice(at, at + rows)) for at in range(0, len(self), rows)]

    def _part(self, rows: slice) -> "Batch":
        return Batch(
            tokens=self.tokens.rows(rows),
            partners=self.partners.rows(rows) if self.partners else None,
            answers=self.answers[rows],
            accepted=self.accepted[rows],
            foils=self.foils[rows],
            rows=self.rows[rows],
            examples=self.examples[rows],
        )

    def __len__(self) -> int:
        return len(self.rows)


def _head(tokens: Tokens, cut: int) -> Tokens:
    if not cut:
        return tokens
    mask = None if tokens.mask is None else tokens.mask[:, :-cut]
    return Tokens(tokens.ids[:, :-cut], mask)


def make_batches(
    encoded: Sequence[Encoded],
    examples: Sequence[Example],
    size: int,
    *,
    partner: Partner | None = None,
    seed: int = 0,
    pad_id: int = 0,
    full: bool = False,
) -> Iterator[Batch]:
    """Batches of at most `size` examples, by answer length and then by prompt length.

    Sorting keeps padding rare, and a batch that is at least half full ends where prompts get
    longer, unless all are to be `full`; within a length rows that share as many columns with their
    partners stand together, otherwise in the split's order.

    Raises:
        TaskError: partners are asked for and an example has none.
    """
    partners = _partners(encoded, examples, partner, seed)
    by_answer: dict[int, list[int]] = defaultdict(list)
    for row, item in enumerate(encoded):
        by_answer[len(item.answers[0])].append(row)
    for rows in by_answer.values():
        rows.sort(key=lambda row: (len(encoded[row].prompt), _alike(encoded[row], partners, row)))
        lengths = [0 if full else len(encoded[row].prompt) for row in rows]
        for chosen in _chunks(rows, lengths, size):
            yield _make(encoded, examples, chosen, partners, pad_id)


def _alike(item: Encoded, partners: list[list[int]] | None, row: int) -> int:
    """How many tokens a prompt starts with that its partner starts with too."""
    if partners is None:
        return 0
    pairs = enumerate(zip(item.prompt, partners[row], strict=False))
    return next((place for place, (own, other) in pairs if own != other), len(item.prompt))


def _chunks(rows: list[int], lengths: list[int], size: int) -> Iterator[list[int]]:
    start = 0
    for end in range(1, len(rows) + 1):
        last = end == len(rows)
        longer = not last and lengths[end] > lengths[end - 1] and end - start >= size / 2
        if last or longer or end - start == size:
            yield rows[start:end]
            start = end


def _make(
    encoded: Sequence[Encoded],
    examples: Sequence[Example],
    rows: list[int],
    partners: list[list[int]] | None,
    pad_id: int,
) -> Batch:
    clean = [encoded[row].prompt + encoded[row].answers[0][:-1] for row in rows]
    return Batch(
        tokens=Tokens.pad(clean, pad_id),
        partners=Tokens.pad([partners[row] for row in rows], pad_id) if partners else None,
        answers=torch.tensor([encoded[row].answers[0] for row in rows]),
        accepted=_table([[answer[0] for answer in encoded[row].answers] for row in rows]),
        foils=_table([[foil[0] for foil in encoded[row].foils] for row in rows]),
        rows=torch.tensor(rows),
        examples=[examples[row] for row in rows],
    )


def _table(lists: list[list[int]]) -> Int[Tensor, "rows most"]:
    most = max(len(items) for items in lists)
    table = torch.full((len(lists), most), NONE)
    for row, items in enumerate(lists):
        table[row, : len(items)] = torch.tensor(items, dtype=torch.long)
    return table


def _partners(
    encoded: Sequence[Encoded], examples: Sequence[Example], partner: Partner | None, seed: int
) -> list[list[int]] | None:
    if partner is None:
        return None
    if partner == "counterfactual":
        for item, example in zip(encoded, examples, strict=True):
            if not item.counterfactual:
                raise TaskError(
                    f"counterfactual replacement needs a counterfactual for every example; "
                    f"{example.prompt!r} has none"
                )
        return [item.counterfactual + item.counterfactual_answer[:-1] for item in encoded]
    if partner == "resample":
        return _resampled(encoded, examples, seed)
    raise TaskError(f"unknown partner {partner!r}: counterfactual or resample")


def _resampled(
    encoded: Sequence[Encoded], examples: Sequence[Example], seed: int
) -> list[list[int]]:
    """For each example another one of the same length, drawn at random."""
    by_length: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row, item in enumerate(encoded):
        by_length[len(item.prompt), len(item.answers[0])].append(row)
    generator = random.Random(seed)
    chosen = []
    for row, item in enumerate(encoded):
        others = [r for r in by_length[len(item.prompt), len(item.answers[0])] if r != row]
        if not others:
            raise TaskError(
                f"resample replacement needs another example of the same length; "
                f"{examples[row].prompt!r} is the only one of {len(item.prompt)} tokens"
            )
        other = encoded[generator.choice(others)]
        chosen.append(other.prompt + other.answers[0][:-1])
    return chosen
