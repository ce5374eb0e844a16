"""The first columns of a batch, read once, so that runs which share them can start behind them."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache

from ._tokens import Tokens


@dataclass(frozen=True, eq=False)
class Prefix:
    """What a model holds of the first `columns` columns of a batch.

    Causal attention makes it exact: what stands later cannot change it.
    """

    columns: int
    cache: Any

    @classmethod
    def read(cls, hf: Any, tokens: Tokens, columns: int) -> "Prefix":
        """Run the first columns and keep their keys and values, without gradients."""
        cache = DynamicCache(config=hf.config)
        mask, positions = tokens.mask, tokens.position_ids
        with torch.no_grad():
            hf(
                input_ids=tokens.ids[:, :columns],
                attention_mask=None if mask is None else mask[:, :columns],
                position_ids=None if positions is None else positions[:, :columns],
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
        return cls(columns, cache)

    def arguments(self, tokens: Tokens) -> dict[str, Any]:
        """What a forward over the remaining columns is called with."""
        length = tokens.ids.shape[1]
        positions = tokens.position_ids
        if positions is None:
            positions = torch.arange(length, device=tokens.ids.device)[None]
        return {
            "input_ids": tokens.ids[:, self.columns :],
            "attention_mask": tokens.mask,
            "position_ids": positions[:, self.columns :],
            "past_key_values": self._copy(),
            "use_cache": True,
        }

    def _copy(self) -> Any:
        """A cache to append to: its layers take new tensors, so the ones here stay as they are."""
        cache = copy.copy(self.cache)
        cache.layers = [copy.copy(layer) for layer in self.cache.layers]
        return cache
