"""How much of directions a circuit holds."""

import pytest
import torch

from tapeout.circuits import Circuit, Universe
from tapeout.decompose import node_energies, node_scores
from tapeout.decompose.evidence import coverage
from tapeout.errors import CircuitError, DecomposeError

from ..tiny import Sizes, random_circuit, tiny
from .lm import directions_of

SPEC = "mlp.post_act,attn.z:head"


def test_it_is_the_circuits_part_of_the_energy_of_nodes():
    model = tiny("llama")
    directions = directions_of(model, 5)
    circuit = random_circuit(model, SPEC, share=0.4)
    found = coverage(model, directions, circuit, draws=20)
    energies = node_energies(model, directions, SPEC)
    expected = energies[:, circuit.kept].sum(1) / energies.sum(1)
    torch.testing.assert_close(torch.tensor([row.share for row in found.rows]), expected)
    torch.testing.assert_close(
        torch.tensor([row.in_play for row in found.rows]), energies.sum(1), rtol=1e-4, atol=1e-6
    )
    assert found.share.value == pytest.approx(float(expected.mean()))
    assert found.share.low <= found.share.value <= found.share.high
    assert found.size == circuit.size and found.nodes == circuit.universe.size
    assert coverage(model, directions, circuit, draws=20) == found  # the same for the same seed


def test_the_ends_are_all_and_nothing():
    model, universe = tiny("llama"), Universe.of(tiny("llama").shape, SPEC)
    directions = directions_of(model, 2)
    full = coverage(model, directions, Circuit.full(universe), draws=5)
    assert full.share.value == pytest.approx(1) and full.random.value == pytest.approx(1)
    assert full.above == 1 and full.left_out == 0
    empty = coverage(model, directions, Circuit.empty(universe), draws=5)
    assert empty.share.value == 0 and empty.above == 1


def test_a_circuit_of_the_directions_own_nodes_is_above_random_ones():
    model = tiny("llama", Sizes(d_mlp=16))
    directions = directions_of(model, 3, only="down_proj")
    own = node_scores(model, directions, "mlp.post_act").top(share=0.25)
    found = coverage(model, directions, own, draws=200)
    assert found.share.value > found.random.high > found.random.value > found.random.low
    assert found.above == 0 and found.random.value == pytest.approx(own.share, abs=0.05)


def test_random_circuits_have_as_many_nodes_in_every_layer():
    """Directions in one layer alone: what a circuit keeps elsewhere must not count."""
    model = tiny("llama")
    directions = directions_of(model, 3, only="layers.1.mlp")
    universe = Universe.of(model.shape, "mlp.post_act")
    elsewhere = Circuit.of(universe, [f"0.mlp.post_act.{i}" for i in range(12)])
    found = coverage(model, directions, elsewhere, draws=10)
    assert found.share.value == found.random.high == 0


def test_directions_without_nodes_are_left_out():
    model = tiny("llama")
    directions = directions_of(model, 3)
    with torch.no_grad():
        for name, modes in directions.factors.items():
            if "mlp" in name:
                for factor in modes:
                    factor[0] = 0
    circuit = random_circuit(model, "mlp.post_act")
    found = coverage(model, directions, circuit, draws=5)
    assert found.left_out == 1 and [row.direction for row in found.rows] == [1, 2]
    with pytest.raises(DecomposeError, match="touch no weight"):
        coverage(model, directions, circuit, chosen=[0])
    with pytest.raises(DecomposeError, match="no direction is chosen"):
        coverage(model, directions, circuit, chosen=[])
    other = tiny("llama", Sizes(seed=2))
    of_other = Circuit(circuit.universe, circuit.kept, other.fingerprint)
    with pytest.raises(CircuitError, match="was found in"):
        coverage(model, directions, of_other)
    assert coverage(model, directions, of_other, draws=5, transfer=True).size == circuit.size
