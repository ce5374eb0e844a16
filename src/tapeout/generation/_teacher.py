"""What a model would write next after tokens that are given, without writing."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..models import Model
from ._cache import NOTHING, SharedCache
from ._checks import check_rows
from ._forward import at_work, forward
from ._prefix import SharedPrefix
from ._rows import batches, padded

LOGITS_AT_ONCE = 2**26
"""Rows go in smaller batches where more logits than this would be held together."""


def choices(
    model: Model,
    rows: Sequence[Sequence[int]],
    *,
    prefix: SharedPrefix | None = None,
    batch_size: int = 32,
) -> list[list[int]]:
    """The likeliest next token after every token of every row, in one teacher-forced pass.

    What greedy decoding would write is what equals a row's own next token at all its places.

    Args:
        model: the model to run; works inside `interventions.restrict`.
        rows: token ids; behind the prefix, if there is one.
        prefix: what all rows begin with.
        batch_size: rows that are run together at most.

    Returns:
        As many tokens a row as it has; the first is the choice after its first token.

    Raises:
        GenerationError: as `generate`.
    """
    check_rows(model, rows, len(prefix or ()), 0, batch_size)
    found: list[list[int]] = [[] for _ in rows]
    if not rows:
        return found
    most = LOGITS_AT_ONCE // (max(map(len, rows)) * model.hf.config.vocab_size)
    with at_work(model):
        for places in batches(rows, max(1, min(batch_size, most))):
            chosen = _logits(model, [rows[place] for place in places], prefix, 0).argmax(dim=-1)
            for place, row in zip(places, chosen.tolist(), strict=True):
                found[place] = row[len(row) - len(rows[place]) :]
    return found


def last_logits(
    model: Model,
    rows: Sequence[Sequence[int]],
    *,
    prefix: SharedPrefix | None = None,
    batch_size: int = 32,
) -> Float[Tensor, "rows vocab"]:
    """Next-token logits at the end of every row; arguments and errors as for `choices`."""
    check_rows(model, rows, len(prefix or ()), 0, batch_size)
    if not rows:
        return torch.empty(0, model.hf.config.vocab_size, device=model.device)
    found: list[Tensor] = []
    order: list[int] = []
    with at_work(model):
        for places in batches(rows, batch_size):
            found.append(_logits(model, [rows[place] for place in places], prefix, 1)[:, -1])
            order += places
    return torch.cat(found)[torch.tensor(order, device=model.device).argsort()]


def _logits(
    model: Model, rows: Sequence[Sequence[int]], prefix: SharedPrefix | None, keep: int
) -> Tensor:
    ids, padding = padded(rows, model.device)
    shared = NOTHING if prefix is None else prefix.of(model)
    return forward(model, SharedCache(shared, ids.shape[1], padding), ids, keep=keep)
