"""A cache in which all rows share the keys and values of what comes first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

KeysAndValues = tuple[Tensor, Tensor]
"""Of one layer, each of shape [kv_heads, shared, dim]."""


@dataclass(frozen=True, eq=False)
class Shared:
    """What every row begins with, as the attention of a model holds it.

    Attributes:
        columns: how many tokens it has.
        slots: keys and values by cache slot; None for a slot that no attention writes to.
        apart: whether attention can read it apart from a row's own; otherwise each row has a copy.
    """

    columns: int
    slots: Sequence[KeysAndValues | None]
    apart: bool


NOTHING = Shared(0, (), True)


class OwnLayer(CacheLayerMixin):
    """One layer's keys and values of the rows' own tokens, in a block that is set aside at once.

    Where attention cannot read what is shared apart, the block begins with it.
    """

    is_croppable = False

    def __init__(self, room: int, shared: KeysAndValues | None, apart: bool) -> None:
        super().__init__()
        self.room, self.shared, self.copied = room, shared, 0
        self.before = 0 if shared is None else shared[0].shape[1]
        if shared is not None and not apart:
            self.copied = self.before
        self.used = 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        self.keys, self.values = (
            new.new_empty(new.shape[0], new.shape[1], self.copied + self.room, new.shape[3])
            for new in (key_states, value_states)
        )
        if self.copied and self.shared is not None:
            self.keys[:, :, : self.copied] = self.shared[0]
            self.values[:, :, : self.copied] = self.shared[1]
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Put the new columns behind the old ones; the first rows of the block are in use."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        assert self.keys is not None and self.values is not None
        rows, start = len(key_states), self.copied + self.used
        self.used += key_states.shape[2]
        end = self.copied + self.used
        self.keys[:rows, :, start:end] = key_states
        self.values[:rows, :, start:end] = value_states
        return self.keys[:rows, :, :end], self.values[:rows, :, :end]

    def move(self, to: list[int], source: list[int]) -> None:
        end = self.copied + self.used
        for block in (self.keys, self.values):
            if block is not None:
                block[to, :, self.copied : end] = block[source, :, self.copied : end]

    def get_seq_length(self) -> int:
        return self.before + self.used

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.get_seq_length() + query_length, 0

    def get_max_length(self) -> int:
        return -1


class SharedCache(Cache):
    """The shared keys and values once, and those of each row's own tokens.

    Rows are padded on the left, between what is shared and their own tokens.

    Attributes:
        own: the same as `layers`.
        columns: of the rows' own, padding included, that were run or are being run.
        attended: whether the model's attention has asked here for what it needs.
    """

    def __init__(
        self, shared: Shared, room: int, padding: Int[Tensor, " rows"] | None = None
    ) -> None:
        own: list[Any] = [OwnLayer(room, slot, shared.apart) for slot in shared.slots]
        super().__init__(layers=own)
        self.own: list[OwnLayer] = own
        self.shared, self.room, self.padding = shared, room, padding
        self.most_padding = 0 if padding is None else int(padding.max())
        self.columns = 0
        self.attended = False
        self._hidden: dict[tuple[int, int, int | None], Tensor | None] = {}

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        while len(self.own) <= layer_idx:
            self.own.append(OwnLayer(self.room, None, True))
        return self.own[layer_idx].update(key_states, value_states)

    def begin(self, columns: int) -> None:
        """Before a forward over so many new columns."""
        self.columns += columns
        self._hidden.clear()

    def keep(self, to: list[int], source: list[int], rows: int) -> None:
        """Move rows `source` to the places `to`, and go on with the first `rows`."""
        for layer in self.own:
            layer.move(to, source)
        if self.padding is not None:
            self.padding[to] = self.padding[source]
            self.padding = self.padding[:rows]

    def hidden(
        self, start: int, end: int, window: int | None, device: torch.device
    ) -> Bool[Tensor, "#rows new own"] | None:
        """Which own columns up to `end` the columns `start` to `end` do not see; None if they see
        all of them."""
        key = (start, end, window)
        if key not in self._hidden:
            self._hidden[key] = self._hide(start, end, window, device)
        return self._hidden[key]

    def _hide(
        self, start: int, end: int, window: int | None, device: torch.device
    ) -> Tensor | None:
        if end - start == 1 and self.padding is None and (window is None or end <= window):
            return None
        seen = torch.arange(end, device=device)
        distance = torch.arange(start, end, device=device)[:, None] - seen
        hidden = (distance < 0)[None]
        if window is not None:
            hidden = hidden | (distance >= window)
        if self.padding is not None:
            hidden = hidden | (seen < self.padding[:, None])[:, None]
        return hidden
