"""A small net with every kind of layer that the structured path knows."""

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

WORDS = 11


class Net(nn.Module):
    """Every supported layer; one may be used twice, and one table tied to the output."""

    def __init__(
        self,
        seed: int = 0,
        width: int = 4,
        bias: bool = True,
        twice: bool = False,
        tied: bool = False,
    ) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.table = nn.Embedding(WORDS, width, padding_idx=3)
        self.places = nn.Embedding(9, width)
        self.first = nn.Linear(width, width, bias=bias)
        self.norm = nn.LayerNorm(width, bias=bias, eps=0.1)
        self.scale = nn.RMSNorm(width, eps=0.1)
        self.second = Conv1D(width, width)
        self.head = nn.Linear(width, WORDS, bias=False)
        self.twice = twice
        if tied:
            self.head.weight = self.table.weight
        for p in self.parameters():
            nn.init.normal_(p, std=0.5)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.table(ids) + self.places(torch.arange(ids.shape[1])[None])
        x = x + torch.tanh(self.first(self.norm(x)))
        x = x + self.second(self.scale(x)).relu_()  # in place on what a layer gave
        if self.twice:
            x = x + self.first(x).cumsum(1)
        return self.head(x)


def some_net() -> st.SearchStrategy[Net]:
    return st.builds(
        Net,
        seed=st.integers(0, 999),
        width=st.integers(1, 6),
        bias=st.booleans(),
        twice=st.booleans(),
        tied=st.booleans(),
    )


def some_ids(rows: int, length: int, seed: int = 0) -> Tensor:
    return torch.randint(WORDS, (rows, length), generator=torch.Generator().manual_seed(seed))


def assert_same(a, b, tolerance: float = 1e-5) -> None:
    """Equal up to rounding, in proportion to the largest number of all gradients."""
    a, b = a.dense(), b.dense()
    assert a.keys() == b.keys()
    largest = max(float(value.abs().max()) for value in b.values())
    for name, value in b.items():
        assert (a[name] - value).abs().max() <= tolerance * max(1.0, largest), name
