"""When an example counts as right."""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from ._batch import Batch
from ._metrics import above_foil


@dataclass(frozen=True)
class Criterion:
    """How accuracy counts.

    Attributes:
        name: under which results carry it.
        definition: one sentence.
        of: from the logits at the answer, shape [rows, answer_length, vocab], and the batch to
            whether each row is right.
    """

    name: str
    definition: str
    of: Callable[[Tensor, Batch], Tensor]


def correct(logits: Float[Tensor, "rows length vocab"], batch: Batch) -> Bool[Tensor, " rows"]:
    """Whether greedy decoding writes a right answer, all of it."""
    return written_right(logits.argmax(dim=-1), batch)


def written_right(written: Tensor, batch: Batch) -> Bool[Tensor, " rows"]:
    """Whether decoded tokens, shape [rows, answer_length], are a right answer, all of it."""
    if batch.answer_length == 1:
        return (written == batch.accepted.to(written.device)).any(dim=-1)
    return (written == batch.answers.to(written.device)).all(dim=-1)


EXACT = Criterion("exact", "greedy decoding writes a right answer, all of it", correct)
"""Greedy decoding writes a right answer, all of it."""

FOIL = Criterion(
    "above_foil",
    "the best right token is above every foil; other tokens do not matter",
    lambda logits, batch: above_foil(logits, batch).bool(),
)
"""The best right token is above every foil."""

CRITERIA = {criterion.name: criterion for criterion in (EXACT, FOIL)}
"""By name: when an example counts as right."""
