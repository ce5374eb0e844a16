"""A layer's node: one gate above both blocks, held against gates on the blocks themselves."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.circuits import Circuit, Universe
from tapeout.errors import CircuitError
from tapeout.extraction import extract
from tapeout.find import attribution, frequency
from tapeout.find.masks import learn_mask
from tapeout.interventions import Counterfactual, means_over, restrict

from ..tiny import (
    ALL_FAMILIES,
    Sizes,
    gap,
    random_circuit,
    random_tokens,
    some_sizes,
    static_replacement,
    tiny,
)
from ..words import word_model, word_task

EXACT = 1e-5
BLOCKS = "attn.resid_delta:block, mlp.resid_delta:block"
INSIDE = "attn.z:head, mlp.post_act"


def by_blocks(circuit: Circuit) -> Circuit:
    """The same circuit with two gates where it has one for a layer; without other nodes."""
    universe = Universe.of(circuit.universe.shape, BLOCKS)
    layers = circuit.kept[circuit.universe.groups[0].start :][: universe.shape.n_layers]
    return Circuit(universe, layers.repeat(2))


@pytest.mark.parametrize("family", ALL_FAMILIES)
@given(sizes=some_sizes(), kind=st.sampled_from(["zero", "mean", "counterfactual"]))
def test_a_closed_layer_is_two_closed_blocks(family, sizes, kind):
    model = tiny(family, sizes)
    circuit = random_circuit(model, "layer", share=0.5, seed=sizes.seed)
    tokens, other = random_tokens(2, 7, seed=1), random_tokens(2, 7, seed=2)
    if kind == "counterfactual":
        replacement, batch = Counterfactual(positions="all"), tokens.stack(other)
    else:
        replacement, batch = static_replacement(model, by_blocks(circuit), kind), tokens
    with torch.no_grad():
        with restrict(model, circuit, replacement):
            by_layers = model.logits(batch)
        with restrict(model, by_blocks(circuit), replacement):
            assert torch.equal(by_layers, model.logits(batch))


@pytest.mark.parametrize("family", ALL_FAMILIES)
@given(
    sizes=some_sizes(), share=st.sampled_from([0.3, 0.7]), kind=st.sampled_from(["zero", "mean"])
)
def test_masked_equals_extracted(family, sizes, share, kind):
    model = tiny(family, sizes)
    circuit = random_circuit(model, f"layer, {INSIDE}", share=share, seed=sizes.seed)
    replacement = static_replacement(model, circuit, kind)
    tokens = random_tokens(3, 8, seed=sizes.seed)
    with torch.no_grad():
        with restrict(model, circuit, replacement):
            masked = model.logits(tokens)
        assert gap(masked, extract(model, circuit, replacement).logits(tokens)) <= EXACT


def test_nothing_in_a_closed_layer_is_active():
    shape = tiny("llama", Sizes(layers=2, d_mlp=5)).shape
    universe = Universe.of(shape, f"embed:block, layer, {BLOCKS}, {INSIDE}")
    circuit = Circuit.full(universe)
    circuit.kept[universe.node("0.layer.block")] = False
    gone = {name for name in map(universe.name, range(universe.size)) if name.startswith("0.")}
    assert set(circuit.nodes()) & gone == {"0.embed.block"}
    assert circuit.size == universe.size - len(gone) + 1
    assert [universe.node(universe.name(n)) for n in range(universe.size)] == list(
        range(universe.size)
    )
    assert Universe.of(shape, universe.spec) == universe


def test_a_layers_attribution_is_that_of_its_two_blocks():
    model, task = word_model(), word_task()
    layers = attribution(model, task.train, "layer", aggregate="signed").values
    blocks = attribution(model, task.train, BLOCKS, aggregate="signed").values
    assert gap(layers, blocks[:3] + blocks[3:]) <= EXACT
    whole = attribution(model, task.train, "layer", aggregate="example", batch_size=1).values
    parts = attribution(model, task.train, BLOCKS, aggregate="example").values
    # absolute values are taken of the sum of both blocks, and not of each
    assert bool((whole <= parts[:3] + parts[3:] + EXACT).all())
    assert gap(whole, parts[:3] + parts[3:]) > EXACT


def test_a_layers_gate_is_learned_with_all_others():
    model, task = word_model(), word_task()
    universe = f"embed:block, layer, {BLOCKS}, {INSIDE}"
    found = learn_mask(model, task.train, universe, steps=3, batch_size=12)
    layers = found.scores.values[found.scores.universe.groups[1].nodes]
    assert found.scores.universe.groups[1].site == "layer"
    start = learn_mask(model, task.train, universe, steps=0, batch_size=12).scores.values
    assert gap(layers, start[found.scores.universe.groups[1].nodes]) > 0


def test_means_are_taken_of_both_writes():
    model, task = word_model(), word_task()
    values = means_over(model, task.reference, "layer").values
    wanted = {(layer, f"{block}.resid_delta") for layer in range(3) for block in ("attn", "mlp")}
    assert set(values) == wanted


def test_what_a_layer_is_not():
    model, task = word_model(), word_task()
    with pytest.raises(CircuitError, match="did you mean 'layer'"):
        Universe.of(model.shape, "layers")
    with pytest.raises(CircuitError, match="write layer, not layer:channel"):
        Universe.of(model.shape, "layer:channel")
    with pytest.raises(CircuitError, match="leave `layer` out"):
        frequency(model, task.train, "layer")
