"""Attention that reads shared keys once for all rows, and how a model is made to use it.

Queries of all rows meet the shared keys in one matrix product, and their own keys row by row; one
softmax goes over both. So what is shared is neither copied nor read again for every row.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import AttentionInterface

from ._cache import KeysAndValues, SharedCache

NAME = "tapeout_shared"
SCORES_AT_ONCE = 2**24
"""Above this many scores the queries go through in parts."""

_CACHE: ContextVar[SharedCache] = ContextVar("tapeout_shared_cache")


def attend(
    module: nn.Module,
    query: Float[Tensor, "rows heads new dim"],
    key: Float[Tensor, "rows kv_heads own dim"],
    value: Float[Tensor, "rows kv_heads own dim"],
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    softcap: float | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Float[Tensor, "rows new heads dim"], None]:
    """What transformers calls as attention; what each column sees is known to the cache."""
    cache = _CACHE.get()
    cache.attended = True
    layer = cache.layers[module.layer_idx]  # pyright: ignore[reportArgumentType]
    shared = layer.shared if cache.shared.apart else None
    query = query * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    new, end = query.shape[2], key.shape[2]
    before = 0 if shared is None else shared[0].shape[1]
    at_once = max(1, SCORES_AT_ONCE // (query.shape[0] * query.shape[1] * (before + end)))
    parts = []
    for first in range(0, new, at_once):
        last = min(first + at_once, new)
        own = end - new + last
        hidden = cache.hidden(end - new + first, own, sliding_window, query.device)
        near = _near(cache, shared, end - new + first, sliding_window)
        far = _far(cache, near, end - new + first, own, sliding_window, query.device)
        scores = _scores(query[:, :, first:last], key[:, :, :own], near)
        parts.append(_mix(scores, value[:, :, :own], near, hidden, far, softcap))
    return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0], None


def _near(
    cache: SharedCache, shared: KeysAndValues | None, start: int, window: int | None
) -> KeysAndValues | None:
    """The shared keys that own column `start` or a later one of any row can see."""
    if shared is None or window is None:
        return shared
    columns = shared[0].shape[1]
    first = min(max(columns + start - cache.most_padding - window + 1, 0), columns)
    return None if first == columns else (shared[0][:, first:], shared[1][:, first:])


def _far(
    cache: SharedCache,
    near: KeysAndValues | None,
    start: int,
    end: int,
    window: int | None,
    device: torch.device,
) -> Tensor | None:
    """Which of those a column does not see, as booleans of shape [#rows, new, near]."""
    if near is None or window is None:
        return None
    places = torch.arange(start, end, device=device)[None, :, None]
    if cache.padding is not None:
        places = places - cache.padding[:, None, None]
    back = torch.arange(near[0].shape[1], 0, -1, device=device)  # how far before the first own
    return places + back >= window


def _scores(
    query: Tensor, key: Tensor, shared: KeysAndValues | None
) -> Float[Tensor, "kv_heads rows groups new seen"]:
    """Scores of the shared keys, then of the rows' own."""
    rows, heads, new, dim = query.shape
    kv, end = key.shape[1:3]
    query = query.reshape(rows, kv, heads // kv, new, dim)
    own = torch.bmm(
        query.reshape(rows * kv, -1, dim), key.reshape(rows * kv, end, dim).transpose(1, 2)
    )
    own = own.view(rows, kv, heads // kv, new, end).transpose(0, 1)
    if shared is None:
        return own
    first = torch.bmm(query.transpose(0, 1).reshape(kv, -1, dim), shared[0].transpose(1, 2))
    return torch.cat([first.view(kv, rows, heads // kv, new, -1), own], dim=-1)


def _mix(
    scores: Float[Tensor, "kv_heads rows groups new seen"],
    value: Tensor,
    shared: KeysAndValues | None,
    hidden: Tensor | None,
    far: Tensor | None,
    softcap: float | None,
) -> Float[Tensor, "rows new heads dim"]:
    """The values that the scores choose."""
    kv, rows, groups, new, seen = scores.shape
    end, dim = value.shape[2:]
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    lowest = torch.finfo(scores.dtype).min  # padding that sees nothing must not become NaN
    if hidden is not None:
        scores[..., seen - end :].masked_fill_(hidden[:, None], lowest)
    if far is not None:
        scores[..., : seen - end].masked_fill_(far[:, None], lowest)
    weights = torch.softmax(scores, dim=-1)  # in float32 within, whatever the dtype
    own = weights[..., seen - end :].transpose(0, 1).reshape(rows * kv, groups * new, end)
    z = torch.bmm(own, value.reshape(rows * kv, end, dim)).view(rows, kv, groups, new, dim)
    if shared is not None:
        first = weights.view(kv, -1, seen)[..., : seen - end]
        z = z + torch.bmm(first, shared[1]).view(kv, rows, groups, new, dim).transpose(0, 1)
    return z.permute(0, 3, 1, 2, 4).reshape(rows, new, kv * groups, dim)


AttentionInterface.register(NAME, attend)


@contextmanager
def reading(cache: SharedCache) -> Iterator[None]:
    """Let the attention of a forward read this cache."""
    token = _CACHE.set(cache)
    try:
        yield
    finally:
        _CACHE.reset(token)


@contextmanager
def attending(hf: nn.Module) -> Iterator[None]:
    """Let a model attend by `attend`, where it leaves the choice open; as before at the end.

    No mask is then made by transformers: it makes none for attention it has no maker for.
    """
    configs = (getattr(module, "config", None) for module in hf.modules())
    each = {id(config): config for config in configs if config is not None}.values()
    before = [(config, config._attn_implementation_internal) for config in each]
    try:
        for config, _ in before:
            config._attn_implementation_internal = NAME
        yield
    finally:
        for config, own in before:
            config._attn_implementation_internal = own
