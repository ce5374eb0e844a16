"""Writing text with a model, many rows at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..errors import GenerationError
from ..models import Model
from ._cache import NOTHING, Shared, SharedCache
from ._checks import check_rows
from ._forward import at_work, forward
from ._prefix import SharedPrefix
from ._rows import batches, padded
from ._sampling import Sampling
from ._stops import Reader, Stops

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Written:
    """What a model wrote behind one prompt.

    Attributes:
        ids: the new tokens, up to and with those that completed a stop.
        ended: by a `stop`, or at the `limit`.
    """

    ids: tuple[int, ...]
    ended: Literal["stop", "limit"]


def generate(
    model: Model,
    prompts: Sequence[Sequence[int]],
    *,
    limit: int,
    prefix: SharedPrefix | None = None,
    stops: Stops | None = None,
    sampling: Sampling | None = None,
    batch_size: int = 32,
    progress: Progress | None = None,
) -> list[Written]:
    """What the model writes behind each prompt.

    Works inside `interventions.restrict`, but not under paired replacements, whose rows are not
    prompts of their own. Rows that have ended leave their batch. In float32 the result does not
    depend on the batch size; in bfloat16 near ties may fall either way.

    Args:
        model: the model to run.
        prompts: token ids; behind the prefix, if there is one.
        limit: new tokens at most.
        prefix: what all prompts begin with.
        stops: what ends a text; nothing but the limit by default.
        sampling: how to draw tokens; the likeliest ones by default.
        batch_size: rows that are run together.
        progress: called with the rows that have ended and all rows.

    Raises:
        GenerationError: a prompt is empty, prompt and limit are more than the model's positions,
            a token is not the model's, or logits are not finite.
    """
    if limit < 1:
        raise GenerationError(f"the limit must be at least one new token, not {limit}")
    check_rows(model, prompts, len(prefix or ()), limit - 1, batch_size)
    stops = stops or Stops.of(None)
    written: list[Written | None] = [None] * len(prompts)
    ended = 0
    with at_work(model):
        shared = NOTHING if prefix is None else prefix.of(model)
        for places in batches(prompts, batch_size):
            batch = [_Row(place, stops, sampling) for place in places]
            rows = [prompts[place] for place in places]
            for done in _write(model, shared, rows, batch, limit, sampling):
                for row in done:
                    written[row.place] = Written(tuple(row.reader.ids), row.ended)
                ended += len(done)
                if progress is not None:
                    progress(ended, len(prompts))
    return [each for each in written if each is not None]


class _Row:
    """A row that is being written."""

    def __init__(self, place: int, stops: Stops, sampling: Sampling | None) -> None:
        self.place = place
        self.reader: Reader = stops.reader()
        self.draws: np.random.Generator | None = sampling and sampling.draws(place)
        self.ended: Literal["stop", "limit"] = "limit"


def _write(
    model: Model,
    shared: Shared,
    prompts: list[Sequence[int]],
    rows: list[_Row],
    limit: int,
    sampling: Sampling | None,
) -> Iterator[list[_Row]]:
    """Write a batch; yields the rows that end, as they do."""
    ids, padding = padded(prompts, model.device)
    cache = SharedCache(shared, ids.shape[1] + limit - 1, padding)
    for step in range(limit):
        logits = forward(model, cache, ids, keep=1)[:, -1]
        tokens = _choose(logits, rows, sampling)
        stopped = [row.reader.add(token) for row, token in zip(rows, tokens, strict=True)]
        for row, stop in zip(rows, stopped, strict=True):
            row.ended = "stop" if stop else "limit"
        if step + 1 == limit or all(stopped):
            yield rows
            return
        if any(stopped):
            yield [row for row, stop in zip(rows, stopped, strict=True) if stop]
            rows = _drop(cache, rows, stopped)
        ids = torch.tensor([[row.reader.ids[-1]] for row in rows], device=model.device)


def _choose(logits: Tensor, rows: list[_Row], sampling: Sampling | None) -> list[int]:
    if sampling is None:
        return logits.float().argmax(dim=-1).tolist()  # slow in bfloat16, and the same
    draws = [row.draws.random() for row in rows if row.draws is not None]
    return sampling.choose(logits, draws).tolist()


def _drop(cache: SharedCache, rows: list[_Row], stopped: list[bool]) -> list[_Row]:
    """Rows from the end take the places of those that have ended: no other row moves."""
    left = len(rows) - sum(stopped)
    to = [place for place in range(left) if stopped[place]]
    source = [place for place in range(left, len(rows)) if not stopped[place]]
    cache.keep(to, source, left)
    rows = list(rows)
    for there, here in zip(to, source, strict=True):
        rows[there] = rows[here]
    return rows[:left]
