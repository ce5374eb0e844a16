"""Attention that reads shared keys once for all rows, and how a model is made to use it.

Queries of all rows meet the shared keys in one matrix product, and their own keys row by row; one
softmax goes over both. So what is shared is neither copied nor read again for every row.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedConfig

from ._cache import KeysAndValues, SharedCache

NAME = "tapeout_shared"
SCORES_AT_ONCE = 2**24
"""Above this many scores the queries go through in parts."""
SCORES_IN_CACHE = 2**20
"""The same on a CPU, where parts that stay in its cache, and in memory that was used before, take
less time."""

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
    layer = cache.own[cast(int, module.layer_idx)]
    shared = layer.shared if cache.shared.apart else None
    query = query * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    new, end = query.shape[2], key.shape[2]
    before = 0 if shared is None else shared[0].shape[1]
    most = SCORES_IN_CACHE if query.device.type == "cpu" else SCORES_AT_ONCE
    at_once = max(1, most // (query.shape[0] * query.shape[1] * (before + end)))
    parts = []
    for first in range(0, new, at_once):
        last = min(first + at_once, new)
        start, own = end - new + first, end - new + last
        near = _near(cache, shared, start, sliding_window)
        masks = (
            _far(cache, near, start, own, sliding_window, query.device),
            cache.hidden(start, own, sliding_window, query.device),
        )
        some = query[:, :, first:last], key[:, :, :own], value[:, :, :own]
        parts.append(_mix(*some, near, masks, softcap))
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


def _mix(
    query: Float[Tensor, "rows heads new dim"],
    key: Float[Tensor, "rows kv_heads own dim"],
    value: Float[Tensor, "rows kv_heads own dim"],
    shared: KeysAndValues | None,
    masks: tuple[Tensor | None, Tensor | None],
    softcap: float | None,
) -> Float[Tensor, "rows new heads dim"]:
    """What the queries find among the shared keys and their own; the masks are in that order."""
    rows, heads, new, dim = query.shape
    kv, end = key.shape[1:3]
    query = query.reshape(rows, kv, heads // kv, new, dim)
    value = value.reshape(rows * kv, end, dim)
    own = torch.bmm(query.reshape(rows * kv, -1, dim), key.reshape(rows * kv, end, dim).mT)
    own = own.view(rows, kv, -1, new, end)
    _limit(own, None if masks[1] is None else masks[1][:, None, None], softcap)
    if shared is None:
        z = torch.bmm(own.softmax(dim=-1).view(rows * kv, -1, end), value)
        return z.view(rows, heads, new, dim).transpose(1, 2)
    first = torch.bmm(query.transpose(0, 1).reshape(kv, -1, dim), shared[0].mT)
    first = first.view(kv, rows, -1, new, shared[0].shape[1])
    _limit(first, None if masks[0] is None else masks[0][:, None], softcap)
    columns = first.shape[-1]
    weights = torch.cat([first, own.transpose(0, 1)], dim=-1).softmax(dim=-1)
    by_row = weights[..., columns:].transpose(0, 1).reshape(rows * kv, -1, end)
    z = torch.bmm(by_row, value).view(rows, kv, -1, new, dim)
    far = torch.bmm(weights.view(kv, -1, columns + end)[..., :columns], shared[1])
    z = z + far.view(kv, rows, -1, new, dim).transpose(0, 1)
    return z.reshape(rows, heads, new, dim).transpose(1, 2)


def _limit(scores: Tensor, hidden: Tensor | None, softcap: float | None) -> None:
    """Put the model's cap and the mask on scores, in place."""
    if softcap is not None:
        scores.div_(softcap).tanh_().mul_(softcap)
    if hidden is not None:  # not -inf: padding that sees nothing must not become NaN
        scores.masked_fill_(hidden, torch.finfo(scores.dtype).min)


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
    found = (getattr(module, "config", None) for module in hf.modules())
    configs = {id(config): config for config in found if isinstance(config, PreTrainedConfig)}
    before = [(config, config._attn_implementation_internal) for config in configs.values()]
    try:
        for config, _ in before:
            config._attn_implementation_internal = NAME
        yield
    finally:
        for config, own in before:
            config._attn_implementation_internal = own
