"""A model in the span of directions, and what becomes of it as a change."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.decompose import Directions, change_along, moved
from tapeout.decompose._span import Span
from tapeout.errors import DecomposeError, ReshapeError
from tapeout.reshape import Change, LowRank

from ..tiny import ALL_FAMILIES, Sizes, gap, random_tokens, some_sizes, tiny
from .lm import directions_of
from .nets import some_ids, some_net

AMOUNTS = [0.4, -0.3, 0.0, 0.2]


def put(span: Span, amounts: list[float]) -> None:
    with torch.no_grad():
        span.coefficients.copy_(torch.tensor(amounts))


@pytest.mark.parametrize("family", ALL_FAMILIES)
@given(sizes=some_sizes(), rank=st.integers(1, 2))
def test_it_says_what_the_moved_model_says(family, sizes, rank):
    model, tokens = tiny(family, sizes), random_tokens(2, 6)
    before = copy.deepcopy(model.hf.state_dict())
    directions = directions_of(model, 4, rank=rank, seed=sizes.seed)
    span = Span(model, directions)
    assert torch.equal(span.model.logits(tokens), model.logits(tokens))
    put(span, AMOUNTS)
    expected = moved(model, directions, dict(enumerate(AMOUNTS))).logits(tokens).detach()
    allowed = 1e-5 * max(1, float(expected.abs().max()))
    assert gap(span.model.logits(tokens), expected) <= allowed
    change = change_along(model, directions, dict(enumerate(AMOUNTS)))
    assert gap(change.applied(model).logits(tokens), expected) <= allowed
    assert all(torch.equal(before[name], value) for name, value in model.hf.state_dict().items())


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_slopes_are_those_along_the_directions(family):
    model, tokens = tiny(family, Sizes(tied=True)), random_tokens(2, 6)
    directions = directions_of(model, 4, rank=2)
    span = Span(model, directions)
    span.model.logits(tokens)[..., 5].sum().backward()
    assert span.coefficients.grad is not None
    assert all(p.grad is None for p in span.module.parameters())
    own = model.hf.requires_grad_()
    model.logits(tokens)[..., 5].sum().backward()
    dense, expected = directions.dense(), torch.zeros(4)
    for name, p in own.named_parameters():
        if p.grad is not None:
            expected += (dense[name] * p.grad).flatten(1).sum(1)
    torch.testing.assert_close(span.coefficients.grad, expected, rtol=1e-3, atol=1e-4)


@given(net=some_net())
def test_of_any_module_too(net):
    ids = some_ids(3, 4)
    shapes = {name: tuple(p.shape) for name, p in net.named_parameters()}
    directions = Directions.random(shapes, 4, 1, torch.Generator().manual_seed(1))
    span = Span(net, directions)
    put(span, AMOUNTS)
    expected = moved(net, directions, dict(enumerate(AMOUNTS)))(ids)
    torch.testing.assert_close(span.model(ids), expected, rtol=1e-4, atol=1e-5)


def test_tensors_of_more_modes_move_too():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 2), torch.nn.Flatten(), torch.nn.Linear(12, 2))
    shapes = {name: tuple(p.shape) for name, p in net.named_parameters()}
    ranks = {"0.weight": 2}
    directions = Directions.random(shapes, 4, ranks, torch.Generator().manual_seed(1))
    span, x = Span(net, directions), torch.randn(5, 2, 3, 3)
    put(span, AMOUNTS)
    expected = moved(net, directions, dict(enumerate(AMOUNTS)))(x)
    torch.testing.assert_close(span.model(x), expected)


@pytest.mark.parametrize("family", ["llama", "gpt2", "phi3"])
def test_a_change_holds_products_of_matrices_and_can_be_saved(family, tmp_path):
    model = tiny(family)
    directions = directions_of(model, 4)
    amounts = {3: 0.5, 1: -1.0}
    change = change_along(model, directions, amounts)
    for name, part in change.parts.items():
        assert isinstance(part, LowRank) == (len(directions.shapes[name]) == 2)
    expected = dict(moved(model, directions, amounts).hf.named_parameters())
    change.save(tmp_path)
    for name, p in Change.load(tmp_path).applied(model).hf.named_parameters():
        torch.testing.assert_close(p, expected[name])
    half = dict(change.applied(model, 0.5).hf.named_parameters())
    doubled = dict(moved(model, directions, {3: 0.25, 1: -0.5}).hf.named_parameters())
    for name, p in half.items():
        torch.testing.assert_close(p, doubled[name])
    with pytest.raises(ReshapeError, match="apply it to the model that it was learned on"):
        change.applied(tiny(family, Sizes(seed=5)))


def test_changes_along_nothing_or_of_another_model_are_refused():
    model = tiny("llama")
    directions = directions_of(model, 2)
    with pytest.raises(DecomposeError, match="no direction is chosen"):
        change_along(model, directions, {})
    with pytest.raises(DecomposeError, match="no direction 5"):
        change_along(model, directions, {5: 1.0})
    with pytest.raises(DecomposeError, match="directions of another model"):
        change_along(tiny("llama", Sizes(d_mlp=16)), directions, {0: 1.0})
    with pytest.raises(DecomposeError, match="no parameter"):
        Span(tiny("gpt2"), directions)
