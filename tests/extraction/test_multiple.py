"""Empty channels that make an MLP's width a multiple change nothing but the width."""

import pytest
import torch

from tapeout.circuits import Circuit, Universe
from tapeout.extraction import extract
from tapeout.interventions import Zero

from ..tiny import ALL_FAMILIES, Sizes, gap, random_tokens, tiny


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_an_odd_width_is_rounded_up(family):
    model = tiny(family, Sizes(layers=2, d_mlp=40))
    universe = Universe.of(model.shape, "mlp.post_act")
    kept = torch.zeros(universe.size, dtype=torch.bool)
    kept[:35], kept[47:80] = True, True
    circuit, tokens = Circuit(universe, kept), random_tokens(2, 7)
    exact = extract(model, circuit, Zero(positions="all"), multiple=1)
    rounded = extract(model, circuit, Zero(positions="all"), multiple=4)
    with torch.no_grad():
        assert gap(exact.logits(tokens), rounded.logits(tokens)) <= 1e-5
    assert exact.shape.widths["mlp.post_act"] == (35, 33)
    assert rounded.shape.widths["mlp.post_act"] == (36, 36)


def test_few_channels_and_full_layers_are_left_alone():
    model = tiny("llama", Sizes(layers=2, d_mlp=43))
    universe = Universe.of(model.shape, "mlp.post_act")
    kept = torch.zeros(universe.size, dtype=torch.bool)
    kept[:31], kept[43:85] = True, True
    rounded = extract(model, Circuit(universe, kept), Zero(positions="all"), multiple=4)
    assert rounded.shape.widths["mlp.post_act"] == (31, 43)
