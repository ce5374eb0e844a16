"""Tokens that many sequences start with: run once, kept once, whatever the number of rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from ._tokens import Tokens

KeysValues = tuple[Float[Tensor, "1 heads columns dim"], Float[Tensor, "1 heads columns dim"]]
Part = tuple[Float[Tensor, "1 heads first dim"], Float[Tensor, "rows heads own dim"]]


@dataclass(frozen=True, eq=False)
class Stem:
    """Keys and values of a beginning, by cache slot; None in a slot that no layer fills."""

    columns: int
    layers: list[KeysValues | None]

    @classmethod
    def read(cls, hf: Any, ids: Sequence[int], device: torch.device) -> "Stem":
        """Run a beginning, without gradients."""
        # without a config no layer forgets what its sliding window has passed: rows that are
        # padded differently still need it
        cache: Any = DynamicCache()
        tokens = torch.tensor([list(ids)], device=device)
        with torch.no_grad():
            hf(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
        layers = [
            (layer.keys, layer.values) if layer.is_initialized else None for layer in cache.layers
        ]
        return cls(len(ids), layers)

    @property
    def nbytes(self) -> int:
        return sum(keys.nbytes + values.nbytes for keys, values in filter(None, self.layers))

    def cache(self, tokens: Tokens, columns: int) -> Any:
        """A cache that holds the first columns of a batch whose rows all start with this.

        Args:
            tokens: the batch; padding stands before the beginning.
            columns: how many, at most those of the beginning.
        """
        padding = None if tokens.mask is None else tokens.mask.long().argmax(dim=1)
        cache: Any = DynamicCache()
        cache.layers = [SharedLayer(layer, padding, columns) for layer in self.layers]
        return cache


class SharedLayer(DynamicLayer):
    """A layer of a cache whose first columns are kept once for all rows.

    They are laid out row by row only while the layer runs.

    Attributes:
        first: how many columns are shared.
        columns: how many were seen.
        padding: before each row; shared columns stand behind it.
        passing: hand new keys and values on as they are: the attention asks for `parts`.
    """

    def __init__(
        self, shared: KeysValues | None, padding: Int[Tensor, " rows"] | None, columns: int
    ) -> None:
        super().__init__()
        self.shared, self.padding = shared, padding
        self.first = self.columns = columns
        self.passing = False

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append to the rows' own columns; give all columns."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        if self.passing:
            return key_states, value_states
        super().update(key_states, value_states)
        self.columns += key_states.shape[-2]
        keys, values = (self._laid_out(*part) for part in self.parts())
        return keys, values

    def parts(self) -> list[Part]:
        """Shared and own columns: of the keys, then of the values."""
        assert self.shared is not None and self.keys is not None and self.values is not None
        keys, values = (part[:, :, : self.first] for part in self.shared)
        return [(keys, self.keys), (values, self.values)]

    def get_seq_length(self) -> int:
        """Columns seen, also where the layer is one without attention."""
        return self.columns

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Start with no columns of the rows' own."""
        super().lazy_initialization(key_states, value_states)
        self.keys, self.values = key_states[:, :, :0], value_states[:, :, :0]

    def _laid_out(self, shared: Tensor, own: Tensor) -> Tensor:
        if self.padding is None:
            return torch.cat([shared.expand(len(own), -1, -1, -1), own], dim=-2)
        here = torch.arange(self.first, device=own.device)[None]
        places = (here - self.padding[:, None]).clamp(min=0)  # what padding is given is masked
        return torch.cat([shared[0][:, places].transpose(0, 1), own], dim=-2)
