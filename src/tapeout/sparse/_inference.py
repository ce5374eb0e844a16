"""Running a weight-sparse model by the weights that it has left."""

import copy
import warnings
from itertools import chain

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..errors import ModelError
from ..models import Model

BREAK_EVEN = 0.05
"""The density below which sparse products are faster on a CPU, activations turned over and back
included: for all batches that were measured, and from 1024 channels on for single tokens too
(`benchmarks/results/sparse-kernels.json`)."""


def run_sparse(model: Model, *, below: float = BREAK_EVEN) -> Model:
    """A handle on the same weights that multiplies by those alone that are not zero.

    Its logits are those of `model` but for the rounding of sums in another order. A change of
    the weights is seen. Products that a gradient by the weights is asked of are dense, and so are
    those under autocast; gradients by activations go through the sparse ones.

    Args:
        model: on a CPU, in float32 or float64; it stays as it is.
        below: the share of weights that are not zero under which a projection, or the unembedding,
            counts as sparse.

    Raises:
        ModelError: no matrix is that sparse, or there are no sparse products for such a model.
    """
    kind = next(model.hf.parameters()).dtype
    if model.device.type != "cpu" or kind not in (torch.float32, torch.float64):
        raise ModelError(
            f"{model.name} is {kind} on {model.device}: sparse products are for float32 and "
            'float64 on a CPU, as in tapeout.load(..., device="cpu")'
        )
    if not torch.backends.mkl.is_available():
        raise ModelError("sparse products need a PyTorch that was built with MKL (x86-64)")
    same = chain(model.hf.parameters(), model.hf.buffers())
    hf = copy.deepcopy(model.hf, {id(tensor): tensor for tensor in same})
    plain = [m for m in hf.modules() if type(m).forward is nn.Linear.forward]
    densities = [_density(module.weight) for module in plain]
    if not densities or min(densities) >= below:
        sparsest = f": the sparsest keeps {min(densities):.1%} of its weights" if densities else ""
        raise ModelError(
            f"no projection of {model.name} has a density below {below:.1%}{sparsest}. Use the "
            "model as it is, or train one that is sparser"
        )
    for module, density in zip(plain, densities, strict=True):
        if density < below:
            module.__class__ = SparseLinear
    return model.sibling(hf, model.name)


def _density(weight: Tensor) -> float:
    return int(weight.count_nonzero()) / max(weight.numel(), 1)


class SparseLinear(nn.Linear):
    """A projection that passes zeros over."""

    _sparse: Tensor | None = None
    _made_from: tuple[int, int] | None = None

    def forward(self, input: Float[Tensor, "*rows in"]) -> Float[Tensor, "*rows out"]:
        learns = torch.is_grad_enabled() and self.weight.requires_grad
        if learns or torch.is_autocast_enabled("cpu"):
            return super().forward(input)
        rows = input.reshape(-1, input.shape[-1])
        # MKL goes along the columns of what it multiplies by
        found = torch.mm(self._weights(), rows.T.contiguous())
        if self.bias is not None:
            found = found.add_(self.bias[:, None])
        # a view would do, but what comes next goes along the rows
        return found.T.contiguous().view(*input.shape[:-1], len(found))

    def _weights(self) -> Tensor:
        """The weights that are not zero, found again when they were written to."""
        state = (self.weight.data_ptr(), self.weight._version)
        if self._sparse is None or self._made_from != state:
            self._sparse, self._made_from = _compressed(self.weight.detach()), state
        return self._sparse

    def __getstate__(self) -> dict:
        """Sparse tensors cannot be copied; the copy makes its own."""
        return {**self.__dict__, "_sparse": None}


def _compressed(weight: Float[Tensor, "out in"]) -> Tensor:
    """In rows, with indices of 32 bits: others would be converted for MKL every time."""
    places = weight.nonzero()
    rows = places[:, 0].bincount(minlength=len(weight))
    starts = nn.functional.pad(rows.cumsum(0), (1, 0))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            starts.int(),
            places[:, 1].int(),
            weight[weight != 0],
            weight.shape,
            check_invariants=False,
        )
