"""Projections as plain matrices, whatever module of a family they lie in, and edits of them."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from ._anatomy import out_features
from ._family import Family, Fused
from ._taps import Tap


@dataclass
class Linear:
    """``y = weight @ x + bias``; edits replace the tensors and never write into them."""

    weight: Float[Tensor, "out in"]
    bias: Float[Tensor, " out"] | None

    def fix_inputs(self, fixed: Bool[Tensor, " in"], value: Float[Tensor, " in"]) -> None:
        """What it would compute if some inputs always had these values: they move into the bias."""
        if bool(value[fixed].any()):
            shift = self.weight[:, fixed].float() @ value[fixed].float()
            self.bias = (self.bias_or_zeros().float() + shift).to(self.weight.dtype)
        self.weight = self.weight * ~fixed

    def fix_outputs(self, fixed: Bool[Tensor, " out"], value: Float[Tensor, " out"]) -> None:
        """Give some outputs a value that does not depend on the input."""
        self.weight = self.weight * ~fixed[:, None]
        if self.bias is not None or bool(value[fixed].any()):
            self.bias = torch.where(fixed, value.to(self.weight), self.bias_or_zeros())

    def take(
        self, rows: Int[Tensor, " new_out"] | None, columns: Int[Tensor, " new_in"] | None = None
    ) -> "Linear":
        """Only these outputs, of only these inputs; -1 stands for one that is 0."""
        weight, bias = self.weight, self.bias
        if rows is not None:
            weight = _gather(weight, rows, 0)
            bias = None if bias is None else _gather(bias, rows, 0)
        if columns is not None:
            weight = _gather(weight, columns, 1)
        return Linear(weight, bias)

    def bias_or_zeros(self) -> Float[Tensor, " out"]:
        return self.weight.new_zeros(len(self.weight)) if self.bias is None else self.bias


def _gather(source: Tensor, places: Tensor, dim: int) -> Tensor:
    taken = source.index_select(dim, places.clamp(min=0))
    absent = places < 0
    return taken.index_fill(dim, absent.nonzero()[:, 0], 0) if bool(absent.any()) else taken


def read_linear(module: Any) -> Linear:
    """Weight (outputs by inputs) and bias of a linear module, also of GPT-2's transposed ones."""
    weight, bias = module.weight.detach(), module.bias
    if isinstance(module, Conv1D):
        weight = weight.T
    return Linear(weight, None if bias is None else bias.detach())


def qkv_rows(layer: nn.Module, family: Family, taps: list[Tap]) -> list[tuple[str, Tensor]]:
    """The projections that hold query, key and value, and which of their outputs these are."""
    if not isinstance(family.qkv, Fused):
        paths = family.qkv
        return [(path, torch.arange(out_features(layer.get_submodule(path)))) for path in paths]
    path = family.qkv.path
    every = torch.arange(out_features(layer.get_submodule(path)))
    if family.behind_qkv:  # the taps are not on this projection
        return [(path, rows) for rows in every.chunk(3)]
    return [(path, every[tap.channels]) for tap in taps]


def read_qkv(layer: nn.Module, family: Family, taps: list[Tap]) -> list[Linear]:
    """Query, key and value apart, also where one module holds all three."""
    if not isinstance(family.qkv, Fused):
        return [read_linear(layer.get_submodule(path)) for path in family.qkv]
    whole = read_linear(layer.get_submodule(family.qkv.path))
    rows = (rows for _, rows in qkv_rows(layer, family, taps))
    return [whole.take(own.to(whole.weight.device)) for own in rows]


def read_gate_up(layer: nn.Module, family: Family) -> list[Linear]:
    """The projections whose outputs are MLP channels, apart where one module holds two."""
    linears = [read_linear(layer.get_submodule(path)) for path in family.gate_up]
    if family.gate_up_parts == 1:
        return linears
    (whole,) = linears
    weights = whole.weight.chunk(family.gate_up_parts)
    biases = [None] * len(weights) if whole.bias is None else whole.bias.chunk(len(weights))
    return [Linear(weight, bias) for weight, bias in zip(weights, biases, strict=True)]


def fuse(parts: list[Linear], order: str, head_dim: int) -> Linear:
    """The inverse of reading a fused module: `blocks` one after the other, or head by head."""
    rows = [part.weight for part in parts]
    biases = [part.bias_or_zeros() for part in parts]
    with_bias = any(part.bias is not None for part in parts)
    if order == "heads":
        weight = torch.stack([row.unflatten(0, (-1, head_dim)) for row in rows], 1).flatten(0, 2)
        bias = torch.stack([b.unflatten(0, (-1, head_dim)) for b in biases], 1).flatten()
    else:
        weight, bias = torch.cat(rows), torch.cat(biases)
    return Linear(weight, bias if with_bias else None)


def named_qkv(qkv: list[Linear], family: Family, head_dim: int) -> list[tuple[str, Linear]]:
    """Query, key and value with the paths, within a layer, of the modules that hold them."""
    if isinstance(family.qkv, Fused):
        return [(family.qkv.path, fuse(qkv, family.qkv.order, head_dim))]
    return list(zip(family.qkv, qkv, strict=True))


def named_gate_up(gate_up: list[Linear], family: Family) -> list[tuple[str, Linear]]:
    """The projections that give MLP channels, with the paths of the modules that hold them."""
    if family.gate_up_parts > 1:
        gate_up = [fuse(gate_up, "blocks", 1)]
    return list(zip(family.gate_up, gate_up, strict=True))


def named_tensors(path: str, linear: Linear, transposed: bool) -> dict[str, Tensor]:
    """The entries of a state dict for a projection at a path."""
    weight = linear.weight.T if transposed else linear.weight
    tensors = {f"{path}.weight": weight.contiguous()}
    if linear.bias is not None:
        tensors[f"{path}.bias"] = linear.bias.contiguous()
    return tensors
