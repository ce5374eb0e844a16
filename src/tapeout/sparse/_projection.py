"""The step that keeps a model sparse: in every matrix only the largest weights stay."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..models.abs_topk import abs_topk_mask
from ..models.modeling_weight_sparse import Attention, Mlp, WeightSparseForCausalLM


@dataclass(frozen=True)
class Sparse:
    """A parameter that is kept sparse.

    Attributes:
        neurons: the axis along which each slice is the weights of one neuron or attention
            channel, of which a few always stay; None where there is none (embeddings, biases).
    """

    name: str
    weight: Tensor
    neurons: int | None


def sparse_parameters(model: WeightSparseForCausalLM) -> list[Sparse]:
    """All weights and biases of projections, embedding and unembedding.

    Norms, sinks, positions and the bigram table stay dense, as in the paper: they are few, can be
    folded into others, or are read as what they are.
    """
    return [Sparse(name, weight, axis) for name, weight, axis in _named(model)]


def _named(
    model: WeightSparseForCausalLM,
) -> Iterator[tuple[str, Tensor, int | None]]:
    yield "transformer.wte.weight", model.get_input_embeddings().weight, None
    for name, module in model.named_modules():
        if isinstance(module, Attention | Mlp):
            into = "c_attn" if isinstance(module, Attention) else "c_fc"
            for part, axis in ((into, 0), ("c_proj", 1)):
                linear = module.get_submodule(part)
                assert isinstance(linear, nn.Linear)
                yield f"{name}.{part}.weight", linear.weight, axis
                if linear.bias is not None:
                    yield f"{name}.{part}.bias", linear.bias, None
    yield "lm_head.weight", model.lm_head.weight, None


@torch.no_grad()
def project(parameters: list[Sparse], density: float, floor: int) -> None:
    """Zero all but the largest magnitudes, in every parameter the same share.

    Args:
        density: the share that stays; at least one weight of each parameter does.
        floor: weights of a neuron or attention channel that stay whatever their size, so that it
            can come back; they come on top of the share.

    Source: weight-sparse transformers, section 2.1 and appendix A.2 (there floor is 4).
    """
    if density >= 1:
        return
    for sparse in parameters:
        weight = sparse.weight
        k = max(round(density * weight.numel()), 1)
        kept = abs_topk_mask(weight.reshape(1, -1), k).view_as(weight)
        if sparse.neurons is not None and floor:
            _hold_floor(weight, kept, sparse.neurons, floor)
        weight.mul_(kept.view(torch.uint8))  # booleans are slower to multiply by


def _hold_floor(weight: Tensor, kept: Tensor, neurons: int, floor: int) -> None:
    """Where a neuron has fewer than `floor` weights left, its largest stay as well."""
    rows, mask = (weight, kept) if neurons == 0 else (weight.T, kept.T)
    left = mask.view(torch.uint8).sum(dim=1, dtype=torch.int32)
    poor = (left < min(floor, rows.shape[1])).nonzero()[:, 0]
    mask[poor] |= abs_topk_mask(rows[poor].contiguous(), floor)


@dataclass(frozen=True)
class Counts:
    """How many weights are not zero, by counting them.

    Attributes:
        nonzero, total: of the parameters that are kept sparse.
        densest: the density of the densest parameter, which a floor may hold above the others.
    """

    nonzero: int
    total: int
    densest: float

    @property
    def density(self) -> float:
        return self.nonzero / self.total


@torch.no_grad()
def count(parameters: list[Sparse]) -> Counts:
    """Count what is there, which a floor can make more than was asked for."""
    counts = [(int(s.weight.count_nonzero()), s.weight.numel()) for s in parameters]
    nonzero, total = (sum(column) for column in zip(*counts, strict=True))
    return Counts(nonzero, total, max(some / size for some, size in counts))


def least_density(parameters: list[Sparse], floor: int) -> float:
    """The density below which the floor decides: its weights alone, as a part of all."""
    held = 0
    for sparse in parameters:
        shape, axis = sparse.weight.shape, sparse.neurons
        held += 1 if axis is None else shape[axis] * min(floor, shape[1 - axis])
    return held / sum(sparse.weight.numel() for sparse in parameters)
