"""The kinds of layers whose per-sample gradients have a form of their own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call
from transformers.pytorch_utils import Conv1D

from ._parts import Outer, Part, Written


def supported(module: nn.Module) -> bool:
    """Whether `parts_of` knows this kind of layer."""
    if isinstance(module, nn.Embedding):
        return module.max_norm is None and not module.scale_grad_by_freq
    return isinstance(module, nn.Linear | Conv1D) or _is_norm(module)


def parts_of(
    module: nn.Module,
    parameters: Sequence[str],
    value: Tensor,
    back: Float[Tensor, "batch ..."],
) -> dict[str, Part]:
    """What the gradients of a layer's parameters are made of.

    Args:
        module: the layer.
        parameters: some of its own, by name.
        value: its input, shape [batch, ..., in], or [batch, ...] of numbers to look up.
        back: the gradient of each sample's loss by its output, shape [batch, ..., out].

    Returns:
        Parameter -> part.
    """
    found: dict[str, Part] = {}
    for name in parameters:
        if name == "bias":
            found[name] = Written(_summed(back, module.get_parameter(name).dim()))
        elif isinstance(module, nn.Embedding):
            found[name] = _looked_up(module, value, back)
        elif _is_norm(module):
            scaled = back * _normed(module, value)
            found[name] = Written(_summed(scaled, module.get_parameter(name).dim()))
        else:
            found[name] = _multiplied(module, value, back)
    return found


def _multiplied(module: nn.Module, value: Tensor, back: Tensor) -> Outer:
    value, back = _by_token(value), _by_token(back)
    used = back.abs().amax((0, 2)) > 0  # behind the last attention, one position is all there is
    if not bool(used.all()):
        value, back = value[:, used], back[:, used]
    left, right = (value, back) if isinstance(module, Conv1D) else (back, value)
    return Outer(left, right, left.shape[-1])


def _looked_up(module: nn.Embedding, ids: Tensor, back: Tensor) -> Outer:
    ids, back = ids.flatten(1), _by_token(back)
    back = back * getattr(module, "embed_scale", 1.0)
    if module.padding_idx is not None:  # that row of the table gets no gradient
        back = back * (ids != module.padding_idx)[..., None]
    return Outer(ids, back, module.num_embeddings)


def _is_norm(module: nn.Module) -> bool:
    own = {name for name, _ in module.named_parameters()}
    return "Norm" in type(module).__name__ and "weight" in own and own <= {"weight", "bias"}


def _normed(module: nn.Module, value: Tensor) -> Tensor:
    """What the weight multiplies: the difference that a weight of 1 instead of 0 makes."""
    weight = module.get_parameter("weight").detach()
    with torch.no_grad():
        high, low = (
            functional_call(module, {"weight": make(weight)}, (value,))
            for make in (torch.ones_like, torch.zeros_like)
        )
    return high - low


def _by_token(value: Float[Tensor, "batch ... width"]) -> Float[Tensor, "batch tokens width"]:
    return value.reshape(len(value), -1, value.shape[-1])


def _summed(value: Float[Tensor, "batch ..."], kept: int) -> Float[Tensor, "batch ..."]:
    """Summed over all axes but the first and the last few."""
    between = tuple(range(1, value.dim() - kept))
    return value.sum(between) if between else value
