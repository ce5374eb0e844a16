import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.gates import GATES, HardConcrete, Heaviside, Linear

from .tiny import gap


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", list(GATES))
@given(seed=st.integers(0, 99))
def test_gates_stay_between_0_and_1_and_have_gradients(name, seed):
    gate = GATES[name]()
    parameters = gate.start(50, seeded(seed)).requires_grad_()
    for values in (gate.sample(parameters, seeded(seed)), gate.settle(parameters)):
        assert bool(((values >= 0) & (values <= 1)).all())
    (slope,) = torch.autograd.grad(gate.size(parameters).sum(), parameters)
    assert bool((slope > 0).all())


@pytest.mark.parametrize("name", list(GATES))
def test_a_node_is_kept_where_its_settled_gate_is_open_by_half(name):
    gate = GATES[name]()
    parameters = torch.linspace(-0.95, 0.95, 39)
    gate.bound_(parameters)
    open_by_half = gate.settle(parameters) > 0.5
    assert torch.equal(parameters > gate.threshold, open_by_half)


def test_hard_concrete_is_closed_as_often_as_its_size_says():
    gate, parameters = HardConcrete(), torch.linspace(-2, 2, 5)
    draws = torch.stack(
        [gate.sample(parameters, noise) for noise in [seeded()] for _ in range(4000)]
    )
    assert gap((draws > 0).float().mean(0), gate.size(parameters)) < 0.03


def test_the_heaviside_gate_is_hard_with_a_sigmoid_slope():
    parameters = torch.tensor([-0.5, 0.0, 0.2], requires_grad=True)
    values = Heaviside(temperature=0.5).settle(parameters)
    assert values.tolist() == [0, 0, 1]
    (slope,) = torch.autograd.grad(values.sum(), parameters)
    soft = (parameters.detach() / 0.5).sigmoid()
    assert gap(slope, soft * (1 - soft) / 0.5) < 1e-6


def test_parameters_are_kept_in_range():
    for gate, low, high in ((Linear(), 0, 1), (Heaviside(), -1, 1)):
        parameters = torch.tensor([-7.0, 0.5, 7.0])
        gate.bound_(parameters)
        assert parameters.tolist() == [low, 0.5, high]
