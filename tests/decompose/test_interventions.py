import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tapeout.decompose import (
    Directions,
    ExplicitGradients,
    gradients,
    impacts,
    moved,
    specificity,
    turned_off,
)
from tapeout.decompose.toys import Toy, circuits, toy
from tapeout.errors import DecomposeError

TMS = toy("tms", steps=400, starts=4)


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 3)).eval()


def directions_of(model: nn.Module, count: int = 4) -> Directions:
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    return Directions.random(shapes, count, 1, torch.Generator().manual_seed(1))


@given(
    amounts=st.dictionaries(st.integers(0, 3), st.floats(-2, 2), max_size=4),
    only=st.sampled_from([("*",), ("0.*",), ("2.weight", "0.bias")]),
)
@settings(deadline=None, max_examples=20)
def test_weights_move_by_the_directions_and_nothing_else_does(amounts, only):
    model = net()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    directions = directions_of(model)
    after = dict(moved(model, directions, amounts, only=only).named_parameters())
    dense = directions.dense()
    for name, own in before.items():
        assert torch.equal(own, model.get_parameter(name))
        moves = any(
            name == p or p == "*" or (p.endswith("*") and name.startswith(p[:-1])) for p in only
        )
        steps = sum(delta * dense[name][i] for i, delta in amounts.items()) if moves else 0
        torch.testing.assert_close(after[name], own + steps)


def test_a_small_step_changes_the_divergence_by_the_impact():
    model, inputs = net(), torch.randn(8, 4)
    directions = directions_of(model)
    references = torch.randn(8, 3)
    taken = gradients(model, inputs, references, divergence="mse")
    every = impacts(directions, taken)

    def divergence(of: nn.Module) -> torch.Tensor:
        return (of(inputs) - references).square().mean(1)

    step = 1e-3
    for index in range(directions.count):
        ends = [divergence(moved(model, directions, {index: d})) for d in (-step, step)]
        slope = (ends[1] - ends[0]) / (2 * step)
        torch.testing.assert_close(every[:, index], slope.abs(), rtol=1e-2, atol=1e-3)


def test_a_samples_impact_is_the_mean_over_its_references():
    values = {"weight": torch.randn(6, 3, 2)}
    some = Directions.random({"weight": (3, 2)}, 2, 1, torch.Generator().manual_seed(0))
    single = impacts(some, ExplicitGradients(values))
    double = impacts(some, ExplicitGradients(values), references=2)
    torch.testing.assert_close(double, single.reshape(3, 2, 2).mean(1))
    with pytest.raises(DecomposeError, match="6 pairs do not divide"):
        impacts(some, ExplicitGradients(values), references=4)


def own_directions(known: Toy) -> Directions:
    return Directions.from_dense(circuits(known), 1).normalised()


def test_a_feature_is_turned_off_and_the_others_stay():
    inputs = TMS.inputs(500, seed=1)
    directions = own_directions(TMS)
    deltas = [x / 20 for x in range(-100, 101)]
    for feature in range(TMS.features):
        off = turned_off(TMS.model, directions, feature, inputs, feature, deltas)
        assert off.left <= 0.01
        assert off.others < 0.1
        wanted = turned_off(
            TMS.model, directions, feature, inputs, feature, deltas, counts=inputs > 0
        )
        assert wanted.delta == off.delta
        assert wanted.others < off.others
        whole = moved(TMS.model, directions, {feature: off.delta})(inputs)
        assert whole[:, feature].sum() <= 0.01 * TMS.model(inputs)[:, feature].sum()


def test_a_direction_moves_the_samples_in_which_it_is_active():
    inputs = TMS.inputs(300, seed=1)
    directions = own_directions(TMS)
    active = inputs[:, 2] > 0
    effects = specificity(TMS.model, directions, 2, inputs, active, [0.0, 0.1, 0.5])
    assert effects[0].active == effects[0].rest == 0
    assert all(effect.ratio > 3 for effect in effects[1:])
    assert effects[2].active > effects[1].active
    none = specificity(TMS.model, directions, 2, inputs, active, [0.5], only=("encoder.weight",))
    assert none[0].active < effects[2].active


def test_moves_that_make_no_sense_are_refused():
    model = net()
    directions = directions_of(model)
    with pytest.raises(DecomposeError, match="no direction 9"):
        moved(model, directions, {9: 1.0})
    with pytest.raises(DecomposeError, match="no parameter '1\\.\\*'"):
        moved(model, directions, {0: 1.0}, only=("1.*",))
    with pytest.raises(DecomposeError, match=r"no parameter 'encoder\.weight'"):
        moved(model, own_directions(TMS), {0: 1.0})
    with pytest.raises(DecomposeError, match="in some samples"):
        specificity(model, directions, 0, torch.randn(3, 4), torch.ones(3).bool(), [1.0])
