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
        places = None
        if tokens.mask is not None:
            padding = tokens.mask.long().argmax(dim=1, keepdim=True)
            here = torch.arange(columns, device=padding.device)[None]
            places = (here - padding).clamp(min=0)  # what padding is given is masked
        cache: Any = DynamicCache()
        cache.layers = [SharedLayer(layer, places, columns) for layer in self.layers]
        return cache


class SharedLayer(DynamicLayer):
    """A layer of a cache whose first columns are kept once for all rows.

    They are laid out row by row only while the layer runs.
    """

    def __init__(
        self,
        shared: KeysValues | None,
        places: Int[Tensor, "rows columns"] | None,
        columns: int,
    ) -> None:
        super().__init__()
        self.shared, self.places = shared, places
        self.first = self.columns = columns

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append to the rows' own columns; give all columns."""
        assert self.shared is not None
        own = super().update(key_states, value_states)
        self.columns += key_states.shape[-2]
        keys, values = (self._laid_out(*both) for both in zip(self.shared, own, strict=True))
        return keys, values

    def get_seq_length(self) -> int:
        """Columns seen, also where the layer is one without attention."""
        return self.columns

    def _laid_out(self, shared: Tensor, own: Tensor) -> Tensor:
        if self.places is None:
            first = shared[:, :, : self.first].expand(len(own), -1, -1, -1)
        else:
            first = shared[0][:, self.places].transpose(0, 1)
        return torch.cat([first, own], dim=-2)
