import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.sparse._projection import Sparse, count, least_density, project, sparse_parameters

from .small import small


def test_everything_but_norms_sinks_and_the_table_is_kept_sparse():
    model = small(sinks=True, bigrams="learned")
    names = {sparse.name for sparse in sparse_parameters(model)}
    dense = {name for name, _ in model.named_parameters()} - names
    assert names <= {name for name, _ in model.named_parameters()}
    assert all("ln" in name or "sink" in name or "bigram" in name for name in dense)
    weights = dict(model.named_parameters())
    assert all(sparse.weight is weights[sparse.name] for sparse in sparse_parameters(model))


@given(density=st.floats(0.001, 1), seed=st.integers(0, 9))
def test_the_largest_of_every_parameter_stay(density, seed):
    torch.manual_seed(seed)
    weight = torch.nn.Parameter(torch.randn(7, 11))
    before = weight.detach().clone()
    project([Sparse("a", weight, None)], density, floor=4)
    k = max(round(density * 77), 1) if density < 1 else 77
    assert weight.count_nonzero() == k
    assert torch.equal(weight[weight != 0], before[weight != 0])
    if k < 77:
        assert before[weight == 0].abs().max() <= before[weight != 0].abs().min()


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("floor", [0, 1, 4, 100])
def test_a_neuron_keeps_its_largest_weights(axis, floor):
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(6, 8) * torch.logspace(-4, 0, 6)[:, None])
    if axis:
        weight = torch.nn.Parameter(weight.detach().T.contiguous())
    before = weight.detach().clone()
    project([Sparse("a", weight, axis)], 0.125, floor)
    rows, old = (weight, before) if axis == 0 else (weight.T, before.T)
    kept = (rows != 0).sum(dim=1)
    assert kept.min() == min(floor, 8) if floor else kept.min() == 0
    for row, whole in zip(rows, old, strict=True):
        some = int(row.count_nonzero())
        assert set(row[row != 0].tolist()) == set(whole[whole.abs().topk(some).indices].tolist())


def test_counts_are_of_what_is_there():
    model = small()
    parameters = sparse_parameters(model)
    project(parameters, 0.1, floor=2)
    found = count(parameters)
    assert found.nonzero == sum(int((s.weight != 0).sum()) for s in parameters)
    assert found.density > 0.1 and found.densest >= found.density


def test_the_floor_sets_the_least_density():
    parameters = sparse_parameters(small())
    for sparse in parameters:  # biases start at 0, where nothing can stay
        torch.nn.init.normal_(sparse.weight)
    project(parameters, 1e-9, floor=3)
    # the one weight that every parameter keeps is also among those of its neuron
    assert count(parameters).density == pytest.approx(least_density(parameters, 3), rel=0.02)
