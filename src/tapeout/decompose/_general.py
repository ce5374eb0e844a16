"""Per-sample gradients of any module, written out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import jacrev, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from ._divergence import Divergence
from ._gradients import ExplicitGradients
from ._network import Network


def explicit(
    network: Network,
    inputs: Tensor,
    references: Float[Tensor, "rows each ..."],
    divergence: Divergence,
    names: Sequence[str],
    *,
    rows_at_once: int,
) -> ExplicitGradients:
    """The gradients of every sample.

    Rows go through `torch.func` together; through a module that cannot be mapped over (one that
    looks at values to decide what to do) they go one by one.

    Args:
        network: the module, frozen.
        inputs: its input.
        references: what each row's samples are compared with.
        divergence: the comparison.
        names: of the parameters.
        rows_at_once: rows that are mapped over together.
    """
    own = {name: network.module.get_parameter(name).detach() for name in names}

    def losses(parameters: Mapping[str, Tensor], row: Tensor, reference: Tensor) -> Tensor:
        return divergence(network.outputs(row[None], parameters)[0], reference)

    try:
        with sdpa_kernel(SDPBackend.MATH):
            every = vmap(jacrev(losses), in_dims=(None, 0, 0), chunk_size=rows_at_once)
            found = every(own, inputs, references)
        return ExplicitGradients({name: value.flatten(0, 1) for name, value in found.items()})
    except RuntimeError:
        each = references.shape[1]
        samples = [
            one(network, inputs[row : row + 1], references[row], divergence, names, sample)
            for row in range(len(inputs))
            for sample in range(each)
        ]
        return ExplicitGradients(
            {name: torch.stack([sample[name] for sample in samples]) for name in names}
        )


def one(
    network: Network,
    row: Tensor,
    reference: Float[Tensor, "each ..."],
    divergence: Divergence,
    names: Sequence[str],
    sample: int,
) -> dict[str, Tensor]:
    """The gradient of one sample of one row (shape [1, ...]), by plain autograd."""
    own = {name: network.module.get_parameter(name).detach() for name in names}
    leaves = {name: value.requires_grad_() for name, value in own.items()}
    with torch.enable_grad():
        loss = divergence(network.outputs(row, leaves)[0], reference)[sample]
    found = torch.autograd.grad(
        loss, list(leaves.values()), allow_unused=True, materialize_grads=True
    )
    return dict(zip(names, found, strict=True))
