"""What is lost without a circuit and without each of its nodes, against other ways to run them."""

from dataclasses import replace

import pytest

from tapeout.circuits import Circuit
from tapeout.errors import InterventionError
from tapeout.verify import circuit_loss
from tapeout.verify.nodes import inverse_pruning, node_effects

from .cases import Case, case


@pytest.fixture(scope="module")
def given() -> Case:
    return case(share=0.1)


def loss(given: Case, circuit: Circuit) -> float:
    split, means = given.task.test, given.circuit.means
    circuit = replace(circuit, means=means)
    return circuit_loss(given.model, circuit, split, "mean", objective="candidates").value


def test_inverse_pruning_takes_the_circuit_out(given: Case):
    circuit = given.circuit
    found = inverse_pruning(given.model, circuit, given.task.test)
    assert found.circuit.value == pytest.approx(loss(given, circuit), abs=1e-5)
    assert found.without.value == pytest.approx(loss(given, ~circuit), abs=1e-5)
    full = Circuit.full(circuit.universe)
    assert found.full.value == pytest.approx(loss(given, full), abs=1e-5)
    assert found.n == len(given.task.test) and found.replacement == "mean"
    assert len(found.random) == 3 and found.reference.startswith("words/reference")
    assert found.to_dict()["without"]["n"] == found.n


def test_every_node_is_taken_out_by_itself(given: Case):
    universe, circuit = given.circuit.universe, given.circuit
    full = Circuit.full(universe)
    found = node_effects(given.model, circuit, given.task.test)
    assert sorted(effect.node for effect in found) == sorted(circuit.nodes())
    values = [effect.in_circuit.value for effect in found]
    assert values == sorted(values, reverse=True)
    for effect in found[:3] + found[-3:]:
        one = Circuit.of(universe, [effect.node])
        rise = loss(given, circuit - one) - loss(given, circuit)
        assert effect.in_circuit.value == pytest.approx(rise, abs=1e-5)
        rise = loss(given, full - one) - loss(given, full)
        assert effect.in_model.value == pytest.approx(rise, abs=1e-5)


def test_partners_are_refused(given: Case):
    with pytest.raises(InterventionError, match="counterfactual"):
        inverse_pruning(given.model, given.circuit, given.task.test, "counterfactual")
