"""What stands before the last position of a batch, run once for all gates that act there alone."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch

from ..models import Model, Prefix, Stem, Tokens

BUDGET = 2**31
"""Bytes of keys and values that are kept between steps; what goes beyond is run again."""


@dataclass(eq=False)
class Pasts:
    """Keys and values of all columns but the last, by batch.

    Attention is causal, so what is done to the last position alone cannot change them: a step of
    one token behind them gives what the whole forward gives, and the same gradients.

    Attributes:
        model: the model.
        shared: token ids that rows start with; they are run, and kept, once for all rows.
        budget: bytes kept. A step also lays out the keys and values of its own batch in full.
    """

    model: Model
    shared: Sequence[int] = ()
    budget: int = BUDGET
    _known: dict[bytes, Prefix] = field(default_factory=dict)
    _bytes: int = 0

    def of(self, tokens: Tokens) -> Prefix | None:
        """All columns but the last; None if there is only one."""
        key = hashlib.blake2b(digest_size=16)
        for part in (tokens.ids, tokens.full_mask):
            key.update(str(tuple(part.shape)).encode() + part.cpu().numpy().tobytes())
        if key.digest() in self._known:
            return self._known[key.digest()]
        columns = tokens.ids.shape[1] - 1
        stem = self._stem if self._starts(tokens) else None
        with torch.no_grad(), self.model.frozen():
            past = self.model.read(tokens, columns, stem=stem)
        if past is not None and self._bytes + past.nbytes <= self.budget:
            self._bytes += past.nbytes
            self._known[key.digest()] = past
        return past

    @cached_property
    def _stem(self) -> Stem:
        with self.model.frozen():
            stem = self.model.stem(self.shared)
        self._bytes += stem.nbytes
        return stem

    def _starts(self, tokens: Tokens) -> bool:
        """Whether every row starts with the shared tokens."""
        count = len(self.shared)
        if not count:
            return False
        shared = torch.tensor(self.shared, device=tokens.ids.device)
        rows = zip(tokens.ids, tokens.full_mask.bool(), strict=True)
        return all(torch.equal(row[there][:count], shared) for row, there in rows)
