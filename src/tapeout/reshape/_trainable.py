"""A copy of a model that can be trained: an adapter on its projections, or their weights."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from ..models import Model
from ._adapter import Adapter, dropouts, factors, product
from ._change import Change, LowRank
from ._slots import Slot


class Trainable:
    """The copy, what of it is trained, and what came of it.

    Args:
        base: what it is a copy of.
        adapter: what is trained, beside every projection of the layers; None trains the weights.
        slots: module -> the channels that a change must touch; no other module has any.

    Attributes:
        model: a handle on the copy; the base is not changed.
        parameters: name -> what is trained.
        dropouts: the adapter's own, all in evaluation mode.
    """

    def __init__(
        self,
        base: Model,
        adapter: Adapter | None,
        slots: Mapping[str, Slot] | None = None,
    ) -> None:
        self.base, self.adapter = base, adapter
        hf = copy.deepcopy(base.hf)
        for p in hf.parameters():
            p.requires_grad_(False)
        self.names = sorted(slots) if slots is not None else projections(base)
        self.parameters: dict[str, nn.Parameter] = {}
        if adapter is not None:
            adapter.inject(hf, self.names)
            for name in self.names:
                reading, writing = factors(name)
                self._take(hf, reading, _slot(slots, name, "in"), 1)
                self._take(hf, writing, _slot(slots, name, "out"), 0)
        else:
            names = _weights(base) if slots is None else [f"{name}.weight" for name in self.names]
            for name in names:
                module = name.removesuffix(".weight")
                stored = isinstance(hf.get_submodule(name.rpartition(".")[0]), Conv1D)
                for side, dim in (("in", 1), ("out", 0)):
                    slot = _slot(slots, module, side)
                    self._take(hf, name, slot, 1 - dim if stored else dim, zero=False)
        self.model = base.sibling(hf.eval(), f"{base.name} (in training)")
        self.dropouts = dropouts(hf)

    def _take(
        self, hf: nn.Module, name: str, slot: Slot | None, dim: int, *, zero: bool = True
    ) -> None:
        """Train a parameter, where a slot is given at its channels alone."""
        p = hf.get_parameter(name)
        p.requires_grad_()
        self.parameters[name] = p
        if slot is None:
            return
        shape = [1] * p.dim()
        shape[dim] = -1
        mask = slot.open.to(p.device, p.dtype).reshape(shape)
        if zero:  # a product is 0 outside its slot only if a factor is
            with torch.no_grad():
                p.mul_(mask)
        p.register_hook(lambda gradient: gradient * mask)

    def change(self, origin: Mapping[str, Any]) -> Change:
        """The difference from the base, as it is now."""
        parts: dict[str, LowRank | Tensor] = {}
        if self.adapter is not None:
            modules = {name: self.model.hf.get_submodule(name) for name in self.names}
            parts |= {f"{name}.weight": product(module) for name, module in modules.items()}
        else:
            base = dict(self.base.hf.named_parameters())
            parts |= {name: p.detach() - base[name].detach() for name, p in self.parameters.items()}
        return Change(base=self.base.fingerprint, parts=parts, origin=dict(origin))


def projections(model: Model) -> list[str]:
    """Every linear module of the layers, by name; embeddings and unembedding are none of them."""
    at = model.anatomy.family.layers
    layers = model.hf.get_submodule(at).named_modules()
    return [f"{at}.{name}" for name, module in layers if isinstance(module, nn.Linear | Conv1D)]


def _weights(model: Model) -> list[str]:
    at = model.anatomy.family.layers
    return [f"{at}.{name}" for name, _ in model.hf.get_submodule(at).named_parameters()]


def _slot(slots: Mapping[str, Slot] | None, name: str, side: str) -> Slot | None:
    slot = None if slots is None else slots[name]
    return slot if slot is not None and slot.side == side else None
