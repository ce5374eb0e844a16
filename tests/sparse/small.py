"""A weight-sparse transformer small enough to train in a test, and text for it."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tapeout.models.configuration_weight_sparse import WeightSparseConfig
from tapeout.models.modeling_weight_sparse import WeightSparseForCausalLM


def small(seed: int = 0, **changes: Any) -> WeightSparseForCausalLM:
    settings = {"vocab_size": 24, "hidden_size": 16, "num_hidden_layers": 2, "head_dim": 4}
    settings |= {"max_position_embeddings": 16, "bigrams": "none"}
    torch.manual_seed(seed)
    return WeightSparseForCausalLM(WeightSparseConfig(**settings | changes))


@dataclass
class Counting:
    """Rows that count up by ones from anywhere, so that the next token can be learned."""

    rows: int = 8
    length: int = 9

    def at(self, step: int) -> Tensor:
        start = torch.Generator().manual_seed(step)
        first = torch.randint(24, (self.rows, 1), generator=start)
        return (first + torch.arange(self.length)) % 24
