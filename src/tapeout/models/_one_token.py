"""Attention of one new token to keys and values that are given.

What is given is a constant: shared columns are read once for all rows, nothing is laid out row by
row, and the backward pass reaches the new token alone. So a step costs little more than the
products with the weights.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from transformers import AttentionInterface

from ._stem import SharedLayer

NAME = "tapeout_one_token"
_LAYERS: ContextVar[list[SharedLayer]] = ContextVar("tapeout_one_token_layers")


def attend(
    module: nn.Module,
    query: Float[Tensor, "rows heads 1 dim"],
    key: Float[Tensor, "rows kv_heads 1 dim"],
    value: Float[Tensor, "rows kv_heads 1 dim"],
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    softcap: float | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Float[Tensor, "rows 1 heads dim"], None]:
    """What transformers calls as attention; the key and value are the new token's."""
    slot: Any = module.layer_idx
    layer = _LAYERS.get()[slot]
    keys, values = ([first[0], own] for first, own in layer.parts())
    rows, heads, _one, dim = query.shape
    kv = key.shape[1]
    query = query.view(rows, kv, heads // kv, dim)
    query = query * (dim**-0.5 if scaling is None else scaling)
    by_head = query.transpose(0, 1).reshape(kv, -1, dim)
    scores = torch.cat(
        [
            (by_head @ keys[0].transpose(1, 2)).view(kv, rows, heads // kv, -1).transpose(0, 1),
            query @ keys[1].transpose(2, 3),
            query @ key.transpose(2, 3),
        ],
        dim=-1,
    )
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    hidden = _hidden(layer, sliding_window)
    if hidden is not None:
        scores = scores.masked_fill(hidden[:, None, None], torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(scores.dtype)
    sizes = [keys[0].shape[1], keys[1].shape[2], 1]
    shared, own, new = weights.split(sizes, dim=-1)
    z = shared.transpose(0, 1).reshape(kv, -1, sizes[0]) @ values[0]
    z = z.view(kv, rows, heads // kv, dim).transpose(0, 1) + own @ values[1] + new @ value
    return z.reshape(rows, 1, heads, dim), None


def _hidden(layer: SharedLayer, window: int | None) -> Bool[Tensor, "rows seen"] | None:
    """What each row's new token does not see of shared columns, own columns and itself.

    Shared columns stand where padding ends, so the last of them lie under a padded row's own.
    """
    seen = layer.columns + 1
    window = seen if window is None else window
    if layer.padding is None and window >= seen:
        return None
    place = torch.arange(seen, device=layer.keys.device)  # pyright: ignore[reportOptionalMemberAccess]
    if layer.padding is None:
        return (seen - place > window)[None]
    padding = layer.padding[:, None]
    first, own = place[: layer.first] + padding, place[layer.first :]
    shared = (first >= layer.first) | (seen - first > window)
    return torch.cat([shared, (own < padding) | (seen - own > window)], dim=1)


AttentionInterface.register(NAME, attend)


@contextmanager
def one_token(hf: Any, cache: Any) -> Iterator[None]:
    """Let a forward of one token attend in this way, if model and cache can; as before at the end.

    Transformers makes no mask for attention that it has no maker for.
    """
    layers = cache.layers
    able = getattr(hf, "_supports_attention_backend", False)
    if not able or not all(isinstance(layer, SharedLayer) for layer in layers):
        yield
        return
    configs = (getattr(module, "config", None) for module in hf.modules())
    each = {id(config): config for config in configs if config is not None}.values()
    before = [(config, config._attn_implementation_internal) for config in each]
    token = _LAYERS.set(layers)
    try:
        for config, _ in before:
            config._attn_implementation_internal = NAME
        for layer in layers:
            layer.passing = True
        yield
    finally:
        _LAYERS.reset(token)
        for config, own in before:
            config._attn_implementation_internal = own
