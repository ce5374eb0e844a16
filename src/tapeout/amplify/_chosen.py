"""The rows and columns of weights that the components of a circuit own, and training them alone."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from ..circuits import Circuit
from ..models import Model
from ..reshape import PROJECTIONS, slots_of


@dataclass(frozen=True, eq=False, kw_only=True)
class Chosen:
    """Rows or columns of one stored tensor.

    Attributes:
        name: the tensor's, in the model.
        module: of the projection that it belongs to.
        side: what the lines are of the projection: outputs (`out`), their biases (`bias`), or
            inputs (`in`).
        dim: of the stored tensor that they are counted along.
        index: which lines, ascending.
    """

    name: str
    module: str
    side: str
    dim: int
    index: Int[Tensor, " lines"]

    def of(self, stored: Tensor) -> Tensor:
        """The lines one under the other: shape [lines, width], or [lines] of a bias."""
        taken = stored.detach().index_select(self.dim, self.index.to(stored.device))
        return taken.T.contiguous() if self.dim else taken

    def put(self, stored: Tensor, lines: Tensor) -> None:
        """Write them into the tensor; all else in it stays as it is, bit for bit."""
        own = lines.detach().T if self.dim else lines.detach()
        with torch.no_grad():
            stored.index_copy_(self.dim, self.index.to(stored.device), own)


def chosen_lines(
    model: Model, circuit: Circuit, projections: Collection[str] = PROJECTIONS
) -> list[Chosen]:
    """What the components of a circuit own of a model's weights.

    A query, key or value head owns its rows of that projection, an MLP channel its rows of the
    gate and up projections and its column of the down projection, each with its entries of the
    biases. What components share (norms, also those of queries and keys, the output projection,
    its bias and that of the down projection) belongs to none of them.

    Args:
        model: whose weights.
        circuit: of `attn.q`, `attn.k`, `attn.v` and `mlp.post_act`, or some of these.
        projections: of an MLP channel, which of `gate`, `up` and `down`.

    Raises:
        ReshapeError: the circuit is empty, or has nodes of other sites.
        CircuitError: it does not fit the model.
    """
    found: list[Chosen] = []
    for path, slot in sorted(slots_of(model, circuit, projections).items()):
        module: Any = model.hf.get_submodule(path)
        index = slot.open.nonzero()[:, 0]
        stored = (slot.side == "in") != isinstance(module, Conv1D)
        place = {"module": path, "index": index}
        found.append(Chosen(name=f"{path}.weight", side=slot.side, dim=int(stored), **place))
        if slot.side == "out" and module.bias is not None:
            found.append(Chosen(name=f"{path}.bias", side="bias", dim=0, **place))
    return found


class Trained:
    """What of a copy of a model is trained: chosen lines, or all parameters.

    Lines are parameters of their own, added to their projections less themselves: so nothing
    changes forwards, and backwards no gradient of a whole matrix is computed for a few rows.

    Attributes:
        values: name of a tensor -> its lines [lines, width], or the whole of it.
    """

    def __init__(self, hf: nn.Module, chosen: list[Chosen] | None) -> None:
        self.chosen = chosen
        self._stored = dict(hf.named_parameters())
        self._modules = dict(hf.named_modules())
        for p in self._stored.values():
            p.requires_grad_(chosen is None)
        self.values: dict[str, nn.Parameter] = dict(self._stored)
        if chosen is not None:
            self.values = {own.name: nn.Parameter(own.of(self._stored[own.name])) for own in chosen}

    @property
    def size(self) -> int:
        """How many numbers are trained."""
        return sum(value.numel() for value in self.values.values())

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While this lasts, losses of the model have gradients by the values."""
        handles = []
        try:
            for own in self.chosen or ():
                hook = partial(_add_nothing, own, self.values[own.name])
                handles.append(self._modules[own.module].register_forward_hook(hook))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def write(self) -> None:
        """Give the model the values."""
        for own in self.chosen or ():
            own.put(self._stored[own.name], self.values[own.name])

    def set(self, values: Mapping[str, Tensor]) -> None:
        """Take other values, and give them to the model."""
        with torch.no_grad():
            for name, value in self.values.items():
                value.copy_(values[name])
        self.write()


def _add_nothing(
    own: Chosen,
    values: nn.Parameter,
    module: nn.Module,
    args: tuple[Tensor, ...],
    output: Float[Tensor, "batch pos out"],
) -> Float[Tensor, "batch pos out"]:
    """A projection's output, and what lines less themselves give: zeros with a gradient."""
    nothing, index = values - values.detach(), own.index.to(values.device)
    if own.side == "in":
        return output + args[0].index_select(-1, index) @ nothing
    if own.side == "bias":
        return output.index_add(-1, index, nothing.expand(*output.shape[:-1], -1))
    return output.index_add(-1, index, F.linear(args[0], nothing))
