"""Where a site's vectors pass through a module, and how to watch or replace them there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

Watch = Callable[[Tensor], Tensor | None]
"""Sees what flows at a site, and may return what flows on instead."""


@dataclass(frozen=True)
class Tap:
    """One site of one layer.

    Attributes:
        module: the module whose input or output carries the site.
        side: `in` for its first input, `out` for its output.
        channels: the site's channels within that tensor; None if it is all of them.
    """

    module: nn.Module
    side: str
    channels: slice | Tensor | None = None

    def select(self, whole: Float[Tensor, "... wide"]) -> Float[Tensor, "... width"]:
        """The site's channels of the tensor that passes through the module."""
        return whole if self.channels is None else whole[..., self.channels]

    def put(
        self, whole: Float[Tensor, "... wide"], part: Float[Tensor, "... width"]
    ) -> Float[Tensor, "... wide"]:
        """`whole` with the site's channels replaced by `part`; `whole` itself is left alone."""
        if self.channels is None:
            return part
        whole = whole.clone()
        whole[..., self.channels] = part
        return whole

    def attach(self, watch: Watch) -> RemovableHandle:
        """Call `watch` with the whole tensor at every forward; what it returns takes its place."""
        if self.side == "out":
            return self.module.register_forward_hook(partial(_after, watch))
        return self.module.register_forward_pre_hook(partial(_before, watch), with_kwargs=True)


def _after(watch: Watch, module: nn.Module, args: Any, output: Tensor) -> Tensor | None:
    return watch(output)


def _before(watch: Watch, module: nn.Module, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
    new = watch(args[0] if args else kwargs["hidden_states"])
    if new is None:
        return None
    if args:
        return (new, *args[1:]), kwargs
    return args, kwargs | {"hidden_states": new}


@contextmanager
def attached(taps: list[tuple[Tap, Watch]]) -> Iterator[None]:
    """Watch several sites; every hook is gone when the block ends, also by an error."""
    handles: list[RemovableHandle] = []
    try:
        for tap, watch in taps:
            handles.append(tap.attach(watch))
        yield
    finally:
        for handle in handles:
            handle.remove()


def head_channels(heads: int, head_dim: int, part: int) -> Tensor:
    """Channels of part 0, 1 or 2 (query, key, value) where each head holds all three in a row."""
    start = torch.arange(heads)[:, None] * 3 * head_dim + part * head_dim
    return (start + torch.arange(head_dim)[None]).flatten()
