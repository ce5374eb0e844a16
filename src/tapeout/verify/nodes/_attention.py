"""Where heads attend: the weights of a run's own attention."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ...models import Model, Watch, attached, layers_of

Weights = dict[int, Float[Tensor, "rows heads pos pos"]]


@contextmanager
def watched_attention(model: Model) -> Iterator[Weights]:
    """The attention weights of every forward inside, layer by layer; a row for each query.

    Transformers' fused attention forms no weights, so its models attend eagerly meanwhile.
    Weight-sparse models, whose attention is their own, are watched at queries and keys instead. A
    row sums to 1, but for what a sink takes. Only for rows without padding.
    """
    found: Weights = {}
    with ExitStack() as stack:
        stack.callback(_eagerly(model.hf))
        for index, layer in enumerate(layers_of(model.hf, model.anatomy.family)):
            if (index, "attn.z") not in model.anatomy.taps:
                continue
            module = layer.get_submodule(model.anatomy.family.attn.path)
            if model.anatomy.family.behind_qkv:
                stack.enter_context(_from_products(model, index, module, found))
            else:
                handle = module.register_forward_hook(partial(_keep, found, index))
                stack.callback(handle.remove)
        yield found


def _keep(found: Weights, layer: int, module: nn.Module, args: Any, output: Any) -> None:
    found[layer] = output[1].detach()


@contextmanager
def _from_products(model: Model, layer: int, module: nn.Module, found: Weights) -> Iterator[None]:
    dim, sink = model.shape.head_dim, getattr(module, "sink", None)
    seen: dict[str, Tensor] = {}

    def watch_queries(x: Tensor) -> None:
        seen["q"] = x.detach()

    def watch_keys(x: Tensor) -> None:
        q, k = (own.unflatten(-1, (-1, dim)).transpose(1, 2) for own in (seen.pop("q"), x.detach()))
        scores = (q @ k.mT).float() * dim**-0.5
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
        scores = scores.masked_fill(later, -torch.inf)
        if sink is not None:
            slot = sink.detach()[:, None, None].expand(*scores.shape[:-1], 1)
            scores = torch.cat([scores, slot], dim=-1)
        found[layer] = scores.softmax(dim=-1)[..., : x.shape[1]]

    queries: Watch = watch_queries
    keys: Watch = watch_keys
    with attached([(model.tap(layer, "attn.q"), queries), (model.tap(layer, "attn.k"), keys)]):
        yield


def _eagerly(hf: nn.Module) -> Any:
    """Let transformers attend eagerly; returns what makes it as it was."""
    configs: list[Any] = [getattr(module, "config", None) for module in hf.modules()]
    each = {id(own): own for own in configs if hasattr(own, "_attn_implementation_internal")}
    before = [(own, own._attn_implementation_internal) for own in each.values()]
    for own, _ in before:
        own._attn_implementation_internal = "eager"

    def undo() -> None:
        for own, implementation in before:
            own._attn_implementation_internal = implementation

    return undo
