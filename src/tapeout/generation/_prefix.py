"""A beginning that many prompts share, run once."""

import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ..models import Model
from ._cache import NOTHING, Shared, SharedCache
from ._checks import check_prefix
from ._forward import at_work, forward


class SharedPrefix:
    """A beginning that many prompts share, such as worked examples, and what a model holds of it.

    It is run at its first use. Its keys and values are kept once and serve every row. They belong
    to the weights and the hooks that they were computed with: where those have changed since, for
    example inside `interventions.restrict`, they are computed anew at the next use.

    Attributes:
        ids: its tokens.
    """

    def __init__(self, ids: Sequence[int]) -> None:
        self.ids: tuple[int, ...] = tuple(ids)
        self._read: tuple[Any, Any, Shared] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def read(cls, model: Model, ids: Sequence[int]) -> "SharedPrefix":
        """A beginning that is run at once.

        Raises:
            GenerationError: it is empty, longer than the model's positions, or holds a token that
                the model does not have.
        """
        prefix = cls(ids)
        prefix.of(model)
        return prefix

    def of(self, model: Model) -> Shared:
        """Its keys and values in a model as it is now; errors as for `read`."""
        state = _state(model.hf)
        if self._read is None or self._read[0]() is not model.hf or self._read[1] != state:
            self._read = weakref.ref(model.hf), state, _run(model, self.ids)
        return self._read[2]


def _run(model: Model, ids: tuple[int, ...]) -> Shared:
    """One more token is run and forgotten: a replacement at the last position falls on it."""
    check_prefix(model, ids)
    cache = SharedCache(NOTHING, room=len(ids) + 1)
    with at_work(model):
        forward(model, cache, torch.tensor([[*ids, ids[-1]]], device=model.device), keep=1)
    slots = [
        None
        if layer.keys is None or layer.values is None
        else (layer.keys[0, :, : len(ids)].clone(), layer.values[0, :, : len(ids)].clone())
        for layer in cache.own
    ]
    return Shared(len(ids), slots, cache.attended)


def _state(hf: nn.Module) -> Any:
    """What keys and values depend on: the weights, and the hooks that may replace anything."""
    tensors = [*hf.parameters(), *hf.buffers()]
    hooks = [
        handle
        for module in hf.modules()
        for kind in (module._forward_pre_hooks, module._forward_hooks)
        for handle in kind
    ]
    return [(t.data_ptr(), t._version) for t in tensors], hooks
