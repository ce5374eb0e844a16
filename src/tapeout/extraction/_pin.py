"""The first position's vectors in the uncut model, which a cut that exempts it has to keep."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from ..models import Model, Tap, Tokens, Watch, attached, layers_of


@dataclass(frozen=True)
class Pins:
    """What the first position holds, for each token that may stand there.

    Attributes:
        tokens: ascending.
        streams: module path -> residual stream after it, shape [tokens, d_model].
        qkv: layer -> query, key and value projections, shape [tokens, width] each.
    """

    tokens: list[int]
    streams: dict[str, Float[Tensor, "tokens d_model"]]
    qkv: dict[int, list[Float[Tensor, "tokens width"]]]


def first_position(model: Model, first_tokens: Sequence[int], layers: Iterable[int]) -> Pins:
    """Run sequences of length one; with causal attention that is all the first position sees.

    Args:
        model: the uncut model.
        first_tokens: the tokens to run.
        layers: where queries, keys and values are wanted too, because the cut changes them.
    """
    pins = Pins(sorted(set(first_tokens)), {}, {layer: [] for layer in layers})
    family = model.anatomy.family
    paths = [family.embed]
    paths += [f"{family.layers}.{i}" for i in range(len(layers_of(model.hf, family)))]
    watches: list[tuple[Tap, Watch]] = [
        (Tap(model.hf.get_submodule(path), "out"), partial(_keep, pins.streams, path))
        for path in paths
    ]
    for layer, parts in pins.qkv.items():
        for site in ("attn.q", "attn.k", "attn.v"):
            tap = model.tap(layer, site)
            watches.append((tap, partial(_append, parts, tap)))
    with torch.no_grad(), model.frozen(), attached(watches):
        model.logits(Tokens(torch.tensor(pins.tokens)[:, None]), keep=1)
    return pins


def _keep(streams: dict[str, Tensor], path: str, whole: Tensor) -> None:
    streams[path] = whole[:, 0].detach().clone()


def _append(parts: list[Tensor], tap: Tap, whole: Tensor) -> None:
    parts.append(tap.select(whole)[:, 0].detach().clone())
