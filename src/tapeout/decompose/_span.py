"""A model whose weights move in the span of some directions, and by nothing else."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize
from transformers.pytorch_utils import Conv1D

from ..models import Model
from ..reshape import Change, LowRank
from ._directions import Directions
from ._meant import chosen_of, parameters_of

STOCK = (nn.Linear.forward, Conv1D.forward, nn.Embedding.forward)


class Span:
    """A copy of a module at W + sum of c times v, with gradients by c alone.

    In a language model, linear layers and embeddings get the low-rank product beside them, so no
    direction is written out and no gradient of a whole matrix is taken. Any other tensor, and every
    one of a module that may use its layers' weights in ways of its own, is written out as a
    sum of all directions.

    Attributes:
        coefficients: c, at first 0.
        module: the copy.
        model: the copy as what was given: a handle, or the module.
    """

    def __init__(self, model: nn.Module | Model, directions: Directions) -> None:
        base = model.hf if isinstance(model, Model) else model
        parameters_of(base, directions)
        self.module: nn.Module = copy.deepcopy(base).eval()
        for p in self.module.parameters():
            p.requires_grad_(False)
        device = next(self.module.parameters()).device
        self.coefficients = nn.Parameter(torch.zeros(directions.count, device=device))
        self._place(directions, low_rank=isinstance(model, Model))
        self.model: Any = self.module
        if isinstance(model, Model):
            self.model = model.sibling(self.module, f"{model.name} (in training)")

    def _place(self, directions: Directions, *, low_rank: bool) -> None:
        own = parameters_of(self.module, directions)
        named = {p: name for name, p in own.items()}
        for module in list(self.module.modules()):
            for attribute, p in list(module.named_parameters(recurse=False)):
                if p not in named:
                    continue
                modes = tuple(f.detach().to(p) for f in directions.factors[named[p]])
                if low_rank and attribute == "weight" and type(module).forward in STOCK:
                    module.register_forward_hook(_Beside(self.coefficients, modes))
                else:
                    added = _Added(self.coefficients, modes, tuple(p.shape))
                    parametrize.register_parametrization(module, attribute, added)


class _Beside:
    """What the low-rank product of a layer's weight adds to its output."""

    def __init__(self, coefficients: nn.Parameter, modes: tuple[Tensor, ...]) -> None:
        self.coefficients, self.rank = coefficients, modes[0].shape[1]
        self.first, self.second = (mode.flatten(0, 1) for mode in modes)

    def __call__(self, module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        amounts = self.coefficients.repeat_interleave(self.rank).to(output.dtype)
        if isinstance(module, nn.Embedding):
            return output + (F.embedding(args[0], self.first.T) * amounts) @ self.second
        reads, writes = self.second, self.first
        if isinstance(module, Conv1D):
            reads, writes = writes, reads
        return output + (F.linear(args[0], reads) * amounts) @ writes


class _Added(nn.Module):
    """A tensor plus the sum of all directions' parts of it."""

    def __init__(
        self, coefficients: nn.Parameter, modes: tuple[Tensor, ...], shape: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.held = (coefficients, modes)  # in a tuple, so that no module owns them
        self.shape = shape

    def forward(self, weight: Tensor) -> Tensor:
        coefficients, modes = self.held
        return weight + summed(modes, coefficients).reshape(self.shape).to(weight)


def summed(
    modes: tuple[Float[Tensor, "count rank _"], ...], amounts: Float[Tensor, " count"]
) -> Tensor:
    """The sum of all directions' parts of a tensor, times their amounts, mode by mode."""
    first, *rest = modes
    terms = (amounts.to(first)[:, None, None] * first).flatten(0, 1)
    if not rest:
        return terms.sum(0)
    for factor in rest[:-1]:
        terms = (terms[..., None] * factor.flatten(0, 1)[:, None]).flatten(1)
    return terms.T @ rest[-1].flatten(0, 1)


def change_along(
    model: Model,
    directions: Directions,
    amounts: Mapping[int, float],
    *,
    origin: Mapping[str, Any] | None = None,
) -> Change:
    """What moving a model along directions changes, as products where weights are matrices.

    It applies as `moved` does, but can be scaled, saved, and taken by whatever takes a change, such
    as `reshape.merge_scales`.

    Args:
        model: that they are directions of; it stays as it is.
        directions: all of them.
        amounts: place of a direction -> how far along it.
        origin: how it came about; plain values.

    Raises:
        DecomposeError: nothing chosen, no such direction or parameter, or one of another shape.
    """
    own, places = chosen_of(directions, list(amounts))
    parameters_of(model.hf, own)
    far = torch.tensor([float(amounts[place]) for place in places])
    parts = {
        name: _part(model.hf.get_submodule(name.rpartition(".")[0]), own, name, far)
        for name in own.shapes
    }
    return Change(
        base=model.fingerprint, parts=parts, origin=dict(origin or {"method": "directions"})
    )


def _part(
    module: nn.Module, directions: Directions, name: str, far: Float[Tensor, " chosen"]
) -> LowRank | Tensor:
    modes = tuple(factor.float().cpu() for factor in directions.factors[name])
    if len(modes) != 2:
        return summed(modes, far).reshape(directions.shapes[name])
    transposed = isinstance(module, Conv1D)
    up, down = reversed(modes) if transposed else modes
    up = (far[:, None, None] * up).flatten(0, 1).T.contiguous()
    return LowRank(down=down.flatten(0, 1), up=up, scaling=1.0, transposed=transposed)
