"""Step functions, and circuits that run on them."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given as forall
from hypothesis import strategies as st

from tapeout.circuits import Circuit
from tapeout.interventions import record
from tapeout.verify.nodes import binarise
from tapeout.verify.nodes._measure import fill_of
from tapeout.verify.nodes._stepped import Binarising, Stepped, step

from .cases import Case, case

number = st.floats(-5, 5)


@forall(number, st.floats(0.1, 5), st.floats(0, 1), st.lists(number, min_size=1, max_size=9))
def test_a_step_grows_out_of_the_identity(
    low: float, wide: float, softness: float, points: list[float]
):
    ends = torch.tensor([[low], [low + wide]], dtype=torch.float64)
    x = torch.tensor(points, dtype=torch.float64)[:, None]
    torch.testing.assert_close(step(x, ends[0], ends[1], 1.0), x)
    held = step(ends, ends[0], ends[1], softness)
    torch.testing.assert_close(held, ends, atol=1e-9, rtol=0)
    hard = step(x, ends[0], ends[1], 0.0)
    assert bool(((hard == ends[0]) | (hard == ends[1])).all())
    assert bool((hard[x >= low + wide / 2] == ends[1]).all())
    rising = step(x.sort(dim=0).values, ends[0], ends[1], softness)
    assert bool((rising.diff(dim=0) >= -1e-9).all())


@pytest.fixture(scope="module")
def given() -> Case:
    whole = case()
    names = ["0.attn.resid_delta.3", "1.mlp.post_act.2"]
    circuit = Circuit.of(whole.circuit.universe, names, means=whole.circuit.means)
    return replace(whole, circuit=circuit)


def test_nodes_take_two_values(given: Case):
    model, circuit, task = given.model, given.circuit, given.task
    found = binarise(model, circuit, task.train, task.test, steps=2, tried=4)
    assert set(found.values) == set(circuit.nodes())
    assert found.n == len(task.test) and found.fitted == task.train.name
    fill = fill_of(circuit, "mean")
    work = Stepped(model, circuit, fill, Binarising())
    values = {
        (layer, site): torch.tensor([found.values[f"{layer}.{site}.{c}"] for c in own.tolist()]).T
        for (layer, site), own in work.kept.items()
    }
    batch = next(task.test.batches(1))
    with torch.no_grad(), work._stepped(values, 0.0, True):
        work.exempt = torch.zeros(1, 1, dtype=torch.bool)
        seen = record(model, batch.tokens, values)
    for where, (low, high) in values.items():
        x = seen[where][0][:, work.kept[where]]
        assert bool(torch.isclose(x, low).logical_or(torch.isclose(x, high)).all())


def test_training_never_raises_the_loss_of_what_it_is_fitted_on(given: Case):
    model, circuit, task = given.model, given.circuit, given.task
    found = binarise(model, circuit, task.train, task.train, steps=4, rate=0.05, tried=4)
    assert found.binary.value <= found.first.value
    assert found.circuit.value != found.first.value
    again = binarise(model, circuit, task.train, task.train, steps=4, rate=0.05, tried=4)
    assert again.values == found.values


def test_the_empty_circuit_has_nothing_to_step(given: Case):
    circuit = Circuit.empty(given.circuit.universe, means=given.circuit.means)
    found = binarise(given.model, circuit, given.task.train, given.task.test, steps=0)
    assert not found.values
    assert found.circuit == found.first == found.binary


def test_losses_of_two_splits_do_not_mix(given: Case):
    task, circuit = given.task, given.circuit
    one = Circuit.of(circuit.universe, ["0.attn.v.1"], means=circuit.means)
    both = [
        binarise(given.model, one, fit, task.test, steps=0, objective="kl").circuit
        for fit in (task.train, task.test)
    ]
    assert both[0] == both[1]
