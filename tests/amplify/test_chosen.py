"""Which weights the components of a circuit own."""

import copy
from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from tapeout.amplify._chosen import Trained, chosen_lines
from tapeout.circuits import Circuit, Universe
from tapeout.errors import ReshapeError
from tapeout.models import attached
from tapeout.reshape import lines_of

from ..tiny import ALL_FAMILIES, gap, random_tokens, some_sizes, tiny
from .localised import PARTS, some_circuit


def site_values(model, layer, site, tokens):
    """What a site holds, behind nothing that mixes its channels."""
    seen = {}
    tap = model.tap(layer, site)
    watch = lambda whole: seen.__setitem__("x", tap.select(whole).detach().clone())  # noqa: E731
    with torch.no_grad(), attached([(tap, watch)]):
        model.logits(tokens)
    return seen["x"]


@pytest.mark.parametrize("family", ALL_FAMILIES)
@given(sizes=some_sizes(), site=st.sampled_from(["attn.q", "attn.k", "attn.v", "mlp.post_act"]))
def test_moving_them_moves_the_components_channels_and_no_others(family, sizes, site):
    if family == "weight_sparse":
        assume(site != "mlp.post_act")  # a dead neuron does not show that its weights moved
        sizes = replace(sizes, seed=6 * sizes.seed + 5)  # those without AbsTopK
    model = tiny(family, sizes)
    layer = sizes.seed % sizes.layers
    universe = Universe.of(model.shape, site)
    here = next(g for g in universe.groups if g.layer == layer).nodes
    kept = torch.zeros(universe.size, dtype=torch.bool)
    kept[here] = torch.rand(here.stop - here.start) < 0.5
    kept[here.start] = True
    circuit = Circuit(universe, kept)
    moved = model.sibling(copy.deepcopy(model.hf), "moved")
    stored = dict(moved.hf.named_parameters())
    for own in chosen_lines(model, circuit, ("gate", "up")):
        lines = own.of(stored[own.name])
        own.put(stored[own.name], lines + torch.randn(lines.shape))
    tokens = random_tokens(2, 6)
    before, after = (site_values(m, layer, site, tokens) for m in (model, moved))
    gate = universe.expand(kept)[layer, site].bool()
    assert torch.equal(before[..., ~gate], after[..., ~gate])
    assert bool((before != after)[..., gate].any(dim=0).any(dim=0).all())


@pytest.mark.parametrize("family", ALL_FAMILIES)
@given(sizes=some_sizes())
def test_their_gradient_is_that_of_the_whole_weights_in_their_lines(family, sizes):
    model = tiny(family, sizes)
    chosen = chosen_lines(model, some_circuit(model, seed=sizes.seed))
    tokens = random_tokens(2, 7)
    plain = model.logits(tokens)
    plain[..., 5].sum().backward()
    whole = {name: p.grad for name, p in model.hf.named_parameters()}
    own = copy.deepcopy(model.hf)
    trained = Trained(own, chosen)
    with trained.listening():
        logits = model.sibling(own, "own").logits(tokens)
    assert torch.equal(logits, plain)
    logits[..., 5].sum().backward()
    assert all(p.grad is None or not p.requires_grad for p in own.parameters())
    for lines in chosen:
        expected, found = whole[lines.name], trained.values[lines.name].grad
        assert expected is not None and found is not None
        assert gap(found, lines.of(expected)) <= 1e-4 * max(1.0, float(expected.abs().max()))


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_reading_and_writing_meet_the_same_places(family):
    model = tiny(family)
    stored = dict(copy.deepcopy(model.hf).named_parameters())
    for own in chosen_lines(model, some_circuit(model)):
        tensor = stored[own.name]
        before = tensor.detach().clone()
        own.put(tensor, own.of(tensor) + 1)
        moved = (tensor != before).sum()
        assert int(moved) == own.of(tensor).numel()
        own.put(tensor, own.of(before))
        assert torch.equal(tensor, before)


def test_projections_of_a_channel_can_be_named():
    model = tiny("llama")
    circuit = some_circuit(model, "mlp.post_act")
    for projections in (("up",), ("gate", "down"), ("gate", "up", "down")):
        names = {own.name.split(".")[-2] for own in chosen_lines(model, circuit, projections)}
        assert names == {f"{name}_proj" for name in projections}
    fused = tiny("phi3")
    width = fused.shape.width(0, "mlp.post_act")
    (up,) = lines_of(fused, 0, "mlp.post_act", ("up",))
    assert up.places.tolist() == list(range(width, 2 * width))
    with pytest.raises(ReshapeError, match="no projection"):
        chosen_lines(tiny("gpt2"), some_circuit(tiny("gpt2"), "mlp.post_act"), ("gate",))


def test_other_nodes_and_none_at_all_are_refused():
    model = tiny("llama")
    with pytest.raises(ReshapeError, match=r"attn\.z"):
        chosen_lines(model, some_circuit(model, "attn.z:head"))
    with pytest.raises(ReshapeError, match="empty"):
        chosen_lines(model, Circuit.empty(Universe.of(model.shape, PARTS)))
