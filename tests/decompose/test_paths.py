"""The structured path against the general one, and both against loops written by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from tapeout.decompose import (
    DIVERGENCES,
    Directions,
    ExplicitGradients,
    StructuredGradients,
    gradients,
)

from ..tiny import ALL_FAMILIES, Sizes, random_tokens, tiny


class Net(nn.Module):
    """Every supported layer at once; one is used twice, and one table is tied to the output."""

    def __init__(self, seed: int, width: int, bias: bool, twice: bool, tied: bool) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.table = nn.Embedding(11, width, padding_idx=3)
        self.places = nn.Embedding(9, width)
        self.first = nn.Linear(width, width, bias=bias)
        self.norm = nn.LayerNorm(width, bias=bias)
        self.scale = nn.RMSNorm(width)
        self.second = Conv1D(width, width)
        self.head = nn.Linear(width, 11, bias=False)
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


def some_net():
    return st.builds(
        Net,
        seed=st.integers(0, 999),
        width=st.integers(1, 6),
        bias=st.booleans(),
        twice=st.booleans(),
        tied=st.booleans(),
    )


def ids(rows: int, length: int, seed: int = 0) -> Tensor:
    return torch.randint(11, (rows, length), generator=torch.Generator().manual_seed(seed))


def same(a, b, tolerance: float = 1e-5) -> None:
    """Equal up to rounding, in proportion to the largest number of all gradients."""
    a, b = a.dense(), b.dense()
    assert a.keys() == b.keys()
    largest = max(float(value.abs().max()) for value in b.values())
    for name, value in b.items():
        assert (a[name] - value).abs().max() <= tolerance * max(1.0, largest), name


@given(
    some_net(),
    st.integers(2, 4),
    st.integers(1, 5),
    st.sampled_from(sorted(DIVERGENCES)),
    st.sampled_from(["row", "last", "token"]),
)
def test_structured_gradients_are_the_general_ones(net, rows, length, divergence, samples):
    options = {"divergence": divergence, "samples": samples, "rows_at_once": 3}
    inputs = ids(rows, length)
    structured = gradients(net, inputs, 5, path="structured", **options)
    general = gradients(net, inputs, 5, path="general", **options)
    assert isinstance(structured, StructuredGradients)
    assert isinstance(general, ExplicitGradients)
    assert len(structured) == len(general) == rows * (length if samples == "token" else 1)
    same(structured, general)
    operations(structured, general)


def operations(structured: StructuredGradients, general: ExplicitGradients) -> None:
    """What gradients offer gives the same for both."""
    directions = Directions.random(general.shapes, 4, 1, torch.Generator().manual_seed(0))
    close = {"rtol": 1e-4, "atol": 1e-4}
    torch.testing.assert_close(
        structured.contract(directions), general.contract(directions), **close
    )
    torch.testing.assert_close(structured.squared_norms(), general.squared_norms(), **close)
    pick = torch.tensor([1, 0, 1])
    scales = torch.tensor([2.0, -1.0, 0.5])
    some, others = structured.rows(pick).scaled(scales), general.rows(pick).scaled(scales)
    torch.testing.assert_close(structured.products(some), general.products(others), **close)
    torch.testing.assert_close(structured.products(others), general.products(some), **close)
    same(StructuredGradients.cat([some, structured]), ExplicitGradients.cat([others, general]))
    near, far = some.approximated(1), others.approximated(1)
    for name, value in near.dense().items():
        # a best approximation is not unique, its length is
        torch.testing.assert_close(value.norm(), far.dense()[name].norm(), **close)


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_language_models(family):
    model = tiny(family, Sizes(layers=2, tied=family == "llama", bias=True))
    tokens = random_tokens(3, 5)
    parameters = [n for n, _ in model.hf.named_parameters() if "bigram" not in n]
    structured = gradients(model, tokens, divergence="kl", samples="last", path="auto")
    general = gradients(model, tokens, divergence="kl", samples="last", path="general")
    assert isinstance(structured, StructuredGradients) or family == "weight_sparse"
    same(structured, general)
    assert set(parameters) <= set(general.shapes)
