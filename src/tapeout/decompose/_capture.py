"""Inputs and back-propagated outputs of layers, from one forward and one backward of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ..errors import DecomposeError
from ._divergence import Divergence
from ._general import one
from ._layers import parts_of, supported
from ._network import Network
from ._parts import Part, merged
from ._structured import StructuredGradients

TOLERANCE = 1e-3
"""Difference from autograd that rounding may make, relative to the norm of the gradient."""


class NotStructuredError(DecomposeError):
    """The gradients do not have the form of supported layers: the general path is needed."""


@dataclass(eq=False)
class Call:
    """One use of a layer.

    Attributes:
        path: the layer's.
        input: what it was given.
        output: what it gave, where the gradient is asked for.
    """

    path: str
    input: Tensor
    output: Tensor


@dataclass(eq=False)
class Capture:
    """The layers that own some parameters, and what passes through them.

    Attributes:
        owners: path of a layer -> its parameters' own names -> their names in the module.
        calls: what passed, in order.
    """

    network: Network
    owners: Mapping[str, Mapping[str, str]]
    calls: list[Call] = field(default_factory=list)

    @classmethod
    def of(cls, network: Network, names: Sequence[str]) -> Capture:
        """Find the layers.

        Raises:
            NotStructuredError: a parameter belongs to a module of another kind.
        """
        wanted = {network.module.get_parameter(name): name for name in names}
        owners: dict[str, dict[str, str]] = {}
        for path, module in network.module.named_modules():
            own = {n: wanted[p] for n, p in module.named_parameters(recurse=False) if p in wanted}
            if own and not supported(module):
                raise NotStructuredError(
                    f"{next(iter(own.values()))!r} belongs to a {type(module).__name__}, which has "
                    "no structured gradients: take path='general', or other parameters"
                )
            if own:
                owners[path] = own
        return cls(network, owners)

    @contextmanager
    def listening(self, rows: int) -> Iterator[None]:
        """While this lasts, every use of the layers is kept."""
        handles = []
        try:
            for path in self.owners:
                module = self.network.module.get_submodule(path)
                hook = _Hook(self, path, rows)
                handles.append(module.register_forward_hook(hook, with_kwargs=True))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def gradients(
        self,
        inputs: Tensor,
        references: Float[Tensor, "rows each ..."],
        divergence: Divergence,
        counted: Bool[Tensor, "rows positions"] | None = None,
    ) -> StructuredGradients:
        """The gradients of every sample of a batch.

        Backward stops at the outputs of the first of the layers. It runs once for each sample
        that a row holds, for all rows together, so rows must not depend on each other.

        Args:
            inputs: the network's input, which is frozen.
            references: what each row's samples are compared with.
            divergence: the comparison.
            counted: positions at which what layers do counts, all by default.

        Raises:
            NotStructuredError: a layer is never used, or mixes rows.
        """
        rows, each = references.shape[:2]
        losses = self._forward(inputs, references, divergence).reshape(rows, each)
        kept = [call.output for call in self.calls]
        passes = [
            torch.autograd.grad(
                losses[:, sample].sum(),
                kept,
                retain_graph=sample + 1 < each,
                allow_unused=True,
                materialize_grads=True,
            )
            for sample in range(each)
        ]
        back = [torch.stack(of_call, 1).flatten(0, 1) for of_call in zip(*passes, strict=True)]
        if counted is not None:
            back = [_at(value, counted.repeat_interleave(each, 0)) for value in back]
        found = self._parts(back, each)
        self.calls.clear()
        return StructuredGradients(found)

    def _forward(
        self,
        inputs: Tensor,
        references: Float[Tensor, "rows each ..."],
        divergence: Divergence,
    ) -> Float[Tensor, " samples"]:
        self.calls.clear()
        with torch.enable_grad(), self.listening(len(references)):
            outputs = self.network.outputs(inputs)
            losses = divergence(outputs.flatten(0, 1), references.flatten(0, 1))
        used = {call.path for call in self.calls}
        for path in self.owners:
            if path not in used:
                raise NotStructuredError(
                    f"{path!r} is never called as a layer: take path='general'"
                )
        return losses

    def _parts(self, back: list[Tensor], each: int) -> dict[str, tuple[Part, ...]]:
        found: dict[str, list[Part]] = {n: [] for own in self.owners.values() for n in own.values()}
        for call, propagated in zip(self.calls, back, strict=True):
            module = self.network.module.get_submodule(call.path)
            own = self.owners[call.path]
            value = call.input.repeat_interleave(each, 0)
            for parameter, part in parts_of(module, list(own), value, propagated).items():
                found[own[parameter]].append(part)
        return {name: merged(parts) for name, parts in found.items()}


def _at(back: Tensor, counted: Bool[Tensor, "samples positions"]) -> Tensor:
    """Zero elsewhere; a layer that runs at the last position alone has no others."""
    if back.dim() < 3 or back.shape[1] != counted.shape[1]:
        return back
    return back * counted.reshape(*counted.shape, *[1] * (back.dim() - 2))


@dataclass(eq=False)
class _Hook:
    capture: Capture
    path: str
    rows: int

    def __call__(
        self, module: nn.Module, args: tuple[Any, ...], named: dict[str, Any], output: Tensor
    ) -> Tensor:
        value: Tensor = args[0] if args else next(iter(named.values()))
        if not isinstance(output, Tensor) or {len(value), len(output)} - {1, self.rows}:
            raise NotStructuredError(
                f"{self.path!r} does not keep the rows of its input apart: take path='general'"
            )
        if not output.requires_grad:  # nothing below is asked for, so backward stops here
            output = output.detach()
        if len(output) < self.rows:  # what all rows share, such as positions, is theirs apart
            output = output.expand(self.rows, *output.shape[1:])
        value = value.expand(self.rows, *value.shape[1:])
        if not output.requires_grad:
            output = output.requires_grad_()
        self.capture.calls.append(Call(self.path, value.detach(), output))
        return output.clone()  # may be written to in place without a change to what is kept


def agree(
    found: StructuredGradients,
    network: Network,
    inputs: Tensor,
    references: Float[Tensor, "rows each ..."],
    divergence: Divergence,
) -> None:
    """Compare one sample's gradient, the longest one, with autograd's.

    That covers what the layers' types do not tell: a forward of their own, parameters that are
    also used elsewhere, rows that depend on each other.

    Raises:
        NotStructuredError: they differ.
    """
    row, place = divmod(int(found.squared_norms().argmax()), references.shape[1])
    names = list(found.shapes)
    true = one(network, inputs[row : row + 1], references[row], divergence, names, place)
    whole = torch.stack([value.norm() for value in true.values()]).norm()
    own = found.rows(torch.tensor([row * references.shape[1] + place])).dense()
    for name, value in true.items():
        allowed = TOLERANCE * value.norm() + 1e-5 * whole
        if bool((own[name][0] - value).norm() > allowed):
            raise NotStructuredError(
                f"captured gradients of {name!r} differ from autograd's, as they do where a "
                "parameter is used outside of its layer or rows depend on each other: take "
                "path='general'"
            )
