"""The structured path against the general one, and both against loops written by hand."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from tapeout.decompose import (
    DIVERGENCES,
    Directions,
    ExplicitGradients,
    StructuredGradients,
    gradients,
)
from tapeout.errors import DecomposeError

from ..tiny import ALL_FAMILIES, Sizes, random_tokens, tiny
from .nets import Net, assert_same, some_ids, some_net


@given(
    some_net(),
    st.integers(2, 4),
    st.integers(1, 5),
    st.sampled_from(sorted(DIVERGENCES)),
    st.sampled_from(["row", "last", "token"]),
)
def test_structured_gradients_are_the_general_ones(net, rows, length, divergence, samples):
    options = {"divergence": divergence, "samples": samples, "rows_at_once": 3}
    inputs = some_ids(rows, length)
    structured = gradients(net, inputs, 5, path="structured", **options)
    general = gradients(net, inputs, 5, path="general", **options)
    assert isinstance(structured, StructuredGradients)
    assert isinstance(general, ExplicitGradients)
    assert len(structured) == len(general) == rows * (length if samples == "token" else 1)
    assert_same(structured, general)
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
    assert_same(
        StructuredGradients.cat([some, structured]), ExplicitGradients.cat([others, general])
    )
    near, far = some.approximated(1), others.approximated(1)
    for name, value in near.dense().items():
        # a best approximation is not unique, its length is
        torch.testing.assert_close(value.norm(), far.dense()[name].norm(), **close)


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_language_models(family):
    model = tiny(family, Sizes(layers=2, tied=family == "llama", bias=True))
    tokens = random_tokens(3, 5)
    options = {"divergence": "kl", "samples": "last"}
    found = gradients(model, tokens, **options)
    general = gradients(model, tokens, **options, path="general")
    assert isinstance(found, StructuredGradients) or family == "weight_sparse"
    assert found.shapes == {name: tuple(p.shape) for name, p in model.hf.named_parameters()}
    assert_same(found, general)


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize("samples", ["row", "token"])
def test_samples_of_language_models(family, samples):
    model, tokens = tiny(family, Sizes(layers=2)), random_tokens(3, 4)
    parameters = ["*mlp*", "*norm*" if family == "llama" else "*ln_2*"]
    options = {"divergence": "kl", "samples": samples, "parameters": parameters}
    structured = gradients(model, tokens, **options, path="structured")
    assert len(structured) == (12 if samples == "token" else 3)
    assert_same(structured, gradients(model, tokens, **options, path="general"))


def test_gradients_by_hand():
    """Every divergence's gradient at every position, against a loop."""
    net, inputs = Net(), some_ids(3, 4)
    places = torch.tensor([5, 0, 1, 7, 2, 11, 3, 3, 9, 8, 4, 6])
    outputs = net(inputs).flatten(0, 1)
    target = outputs.detach()[places]
    logp, logq = target.log_softmax(-1), outputs.log_softmax(-1)
    losses = {
        "mse": (outputs - target).square().mean(1),
        "public-code": (outputs * (outputs - target)).mean(1),
        "kl": (logp.exp() * (logp - logq)).sum(1),
    }
    for divergence, each in losses.items():
        found = gradients(net, inputs, places, divergence=divergence, samples="token").dense()
        given = gradients(net, inputs, target, divergence=divergence, samples="token").dense()
        for sample in range(12):
            true = torch.autograd.grad(each[sample], list(net.parameters()), retain_graph=True)
            for (name, _), value in zip(net.named_parameters(), true, strict=True):
                torch.testing.assert_close(found[name][sample], value, rtol=1e-4, atol=1e-5)
                torch.testing.assert_close(given[name][sample], value, rtol=1e-4, atol=1e-5)


def test_only_what_is_asked_for_is_captured_and_backward_stops_below_it():
    net, inputs = Net(), some_ids(3, 4)
    reached = []
    net.norm.register_forward_hook(lambda m, a, out: reached.append(out.requires_grad))
    found = gradients(net, inputs, parameters=["second.*"], path="structured")
    assert set(found.shapes) == {"second.weight", "second.bias"}
    assert reached and not any(reached)


@pytest.mark.parametrize("path", ["general", "structured"])
def test_the_model_is_left_as_it_was(path):
    net = Net().train()
    net.norm.eval()
    net.first.weight.requires_grad_(False)
    before = copy.deepcopy(net.state_dict())
    state = torch.get_rng_state()
    gradients(net, some_ids(3, 4), path=path)
    with pytest.raises(DecomposeError):
        gradients(net, some_ids(1, 4), path=path)
    assert net.training and not net.norm.training
    assert [n for n, p in net.named_parameters() if not p.requires_grad] == ["first.weight"]
    assert all(p.grad is None for p in net.parameters())
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in net.modules())
    assert all(torch.equal(before[n], v) for n, v in net.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())


def test_dropout_is_off_and_halves_are_computed_in_float32():
    net = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 2)).train()
    x = torch.randn(5, 4)
    assert_same(gradients(net, x), gradients(net, x, path="general"))
    half = copy.deepcopy(net).bfloat16()
    exact = copy.deepcopy(half).float()
    assert_same(gradients(half, x), gradients(exact, x))
    assert half[0].weight.dtype == torch.bfloat16


class Odd(nn.Module):
    """Two linear layers, of which the second is used in a way that hooks do not see."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.a, self.b, self.how = nn.Linear(3, 3), nn.Linear(3, 3), how

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        if self.how == "beside":  # the weight is also used outside of its layer
            return self.b(x).tanh() + x @ self.b.weight
        if self.how == "never":
            return x @ self.b.weight + self.b.bias
        if self.how == "mixed":  # rows depend on each other
            return self.b(x - x.mean(0)).tanh()
        return self.b(x.repeat(2, 1)).reshape(2, len(x), 3).sum(0)  # "split": rows twice over


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("beside", "'b.weight' differ from autograd's"),
        ("never", "'b' is never called"),
        ("mixed", "differ from autograd's"),
        ("split", "does not keep the rows"),
    ],
)
def test_what_has_no_structure_is_refused_or_goes_the_general_way(how, message):
    net, x = Odd(how), torch.randn(4, 3)
    with pytest.raises(DecomposeError, match=message):
        gradients(net, x, path="structured")
    assert isinstance(gradients(net, x), ExplicitGradients)


def test_other_layers_go_the_general_way():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    x = torch.randn(3, 1, 4, 4)
    with pytest.raises(DecomposeError, match=r"'0.weight' belongs to a Conv2d.*path='general'"):
        gradients(net, x, path="structured")
    found = gradients(net, x)
    assert found.shapes["0.weight"] == (2, 1, 3, 3)
    part = gradients(net, x, parameters=["3.*"])
    assert isinstance(part, StructuredGradients)
    for name, value in part.dense().items():
        torch.testing.assert_close(value, found.dense()[name])


def test_a_module_that_looks_at_values_goes_row_by_row():
    class Looks(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * (2 if bool((x.sum() > 0).item()) else 1)

    net, x = Looks(3, 2), torch.randn(4, 3)
    found = gradients(net, x, torch.zeros(4, 2), path="general")
    own = [gradients(net, row[None], torch.zeros(1, 2), path="general").dense() for row in x]
    for name, value in found.dense().items():
        torch.testing.assert_close(value, torch.cat([row[name] for row in own]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parameters": ["frist.weight"]}, "did you mean 'first.weight'"),
        ({"divergence": "ms"}, "did you mean 'mse'"),
        ({"samples": "tokens"}, "did you mean 'token'"),
        ({"path": "fast"}, "no path 'fast'"),
        ({"references": torch.tensor([0, 1])}, "3 samples need as many references"),
        ({"references": torch.zeros(4, 4, 11)}, "reference outputs"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(DecomposeError, match=message):
        gradients(Net(), some_ids(3, 4), **options)
