"""A module as the decomposition runs it: which of its outputs make a sample, which parameters."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call
from transformers import PreTrainedModel

from ..errors import DecomposeError, nearest
from ..models import Model, Tokens

Samples = Literal["row", "last", "token"]
"""What a sample is: a row with all its outputs, a row's last position, or every position of it."""


class Network:
    """A module in float32, whose outputs are cut into samples.

    Attributes:
        module: the caller's, or a copy where that one's numbers have half precision.
    """

    def __init__(self, model: nn.Module | Model, samples: Samples | str) -> None:
        if samples not in get_args(Samples):
            raise DecomposeError(f"no samples {samples!r}: {nearest(samples, get_args(Samples))}")
        self.module = _in_float32(model.hf if isinstance(model, Model) else model)
        self.samples = samples
        self._options: dict[str, int | bool] = {}
        if isinstance(self.module, PreTrainedModel):
            known = inspect.signature(self.module.forward).parameters
            self._options = {"use_cache": False} if "use_cache" in known else {}
            if samples == "last" and "logits_to_keep" in known:
                self._options["logits_to_keep"] = 1

    def outputs(
        self, inputs: Tensor, replaced: Mapping[str, Tensor] | None = None
    ) -> Float[Tensor, "rows each ..."]:
        """Outputs of every sample of every row.

        Args:
            inputs: shape [rows, ...].
            replaced: parameters by name to run with instead of the module's own.

        Raises:
            DecomposeError: the module gives no tensor, or one without positions where a sample is
                a position.
        """
        if replaced is None:
            out = self.module(inputs, **self._options)
        else:
            out = functional_call(self.module, dict(replaced), (inputs,), self._options)
        out = getattr(out, "logits", out)
        if not isinstance(out, Tensor) or len(out) != len(inputs):
            raise DecomposeError(
                "the module must give one tensor (or logits) with a row for every row of its input"
            )
        if self.samples == "row":
            return out[:, None]
        if out.dim() < 3:
            raise DecomposeError(
                f"samples {self.samples!r} need outputs of shape [rows, positions, outputs], not "
                f"{list(out.shape)}: take samples='row'"
            )
        return out[:, -1:] if self.samples == "last" else out

    def parameters(self, patterns: Sequence[str]) -> dict[str, nn.Parameter]:
        """Parameters by name or glob, in the module's order; a tied one goes by its first name.

        Raises:
            DecomposeError: a pattern fits none.
        """
        names = {p: name for name, p in self.module.named_parameters()}
        every = dict(self.module.named_parameters(remove_duplicate=False))
        wanted: set[str] = set()
        for pattern in patterns:
            fitting = [p for name, p in every.items() if fnmatchcase(name, pattern)]
            if not fitting:
                raise DecomposeError(f"no parameter {pattern!r}: {nearest(pattern, every)}")
            wanted |= {names[p] for p in fitting}
        return {name: p for name, p in self.module.named_parameters() if name in wanted}

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Evaluation mode without parameter gradients; all flags are as before at the end."""
        modes = [(module, module.training) for module in self.module.modules()]
        flags = [(p, p.requires_grad) for p in self.module.parameters()]
        head = getattr(self.module, "get_output_embeddings", lambda: None)()
        handle = None if head is None else head.register_forward_pre_hook(_contiguous)
        try:
            for module, _ in modes:
                module.training = False
            for p, _ in flags:
                p.requires_grad_(False)
            yield
        finally:
            if handle is not None:
                handle.remove()
            for module, mode in modes:
                module.training = mode
            for p, flag in flags:
                p.requires_grad_(flag)


def rows_of(inputs: Tensor | Tokens) -> Tensor:
    """The inputs as one tensor with a row for every row.

    Raises:
        DecomposeError: token sequences differ in length.
    """
    if isinstance(inputs, Tensor):
        return inputs
    if inputs.mask is not None and not bool(inputs.mask.all()):
        raise DecomposeError("token sequences must be of one length: cut them into windows")
    return inputs.ids


def _contiguous(module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Of a view of some positions an unembedding would make one small product a row."""
    return (args[0].contiguous(), *args[1:])


def _in_float32(module: nn.Module) -> nn.Module:
    tensors = [*module.parameters(), *module.buffers()]
    halves = (torch.float16, torch.bfloat16)
    return copy.deepcopy(module).float() if any(t.dtype in halves for t in tensors) else module
