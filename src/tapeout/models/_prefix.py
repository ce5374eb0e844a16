"""The first columns of a batch, read once, so that runs which share them can start behind them."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache

from ._stem import Stem
from ._tokens import Tokens


@dataclass(frozen=True, eq=False)
class Prefix:
    """What a model holds of the first `columns` columns of a batch.

    Causal attention makes it exact: what stands later cannot change it.
    """

    columns: int
    cache: Any

    @classmethod
    def read(cls, hf: Any, tokens: Tokens, columns: int, stem: Stem | None = None) -> "Prefix":
        """Run the first columns and keep their keys and values, without gradients.

        Args:
            hf: the model.
            tokens: the batch.
            columns: how many.
            stem: what all its rows start with; only the columns behind it are run and kept.
        """
        if stem is not None:
            return cls._behind(hf, tokens, columns, stem)
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

    @classmethod
    def _behind(cls, hf: Any, tokens: Tokens, columns: int, stem: Stem) -> "Prefix":
        shared = min(stem.columns, columns)
        first = cls(shared, stem.cache(tokens, shared))
        if shared == columns:
            return first
        mask = None if tokens.mask is None else tokens.mask[:, :columns]
        arguments = first.arguments(Tokens(tokens.ids[:, :columns], mask))
        cache = arguments["past_key_values"]
        with torch.no_grad():
            hf(**arguments, logits_to_keep=1)
        for layer in cache.layers:
            layer.columns = columns  # a layer without attention has not seen them
        return cls(columns, cache)

    @property
    def nbytes(self) -> int:
        """Of the keys and values that are this batch's own."""
        layers = [layer for layer in self.cache.layers if layer.is_initialized]
        return sum(layer.keys.nbytes + layer.values.nbytes for layer in layers)

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
