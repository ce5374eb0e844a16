import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.circuits import Circuit
from tapeout.errors import CircuitError, InterventionError
from tapeout.extraction import extract, side_by_side
from tapeout.extraction._heads import PADDING, cheapest, padded, repeated
from tapeout.interventions import Counterfactual, Zero

from ..tiny import gap, random_circuit, random_tokens, tiny


@given(group=st.integers(1, 4), key_values=st.integers(1, 4), data=st.data())
def test_every_layout_gives_each_kept_head_its_key(group, key_values, data):
    heads = range(group * key_values)
    kept = sorted(data.draw(st.sets(st.sampled_from(heads), min_size=1)))
    for layout in (padded(kept, group), repeated(kept, group), cheapest(kept, group)):
        assert [head for head in layout.query if head != PADDING] == kept
        assert len(layout.query) == layout.groups * len(layout.key_value)
        for place, head in enumerate(layout.query):
            if head != PADDING:
                assert layout.key_value[place // layout.groups] == head // group
    wide = padded(kept, group).widen(group, key_values)
    assert len(wide.query) == group * key_values
    assert cheapest(list(heads), group).query == tuple(heads)


def test_needs_to_know_the_first_tokens():
    model = tiny("llama")
    circuit = random_circuit(model, "mlp.post_act")
    with pytest.raises(InterventionError, match="which tokens stand there"):
        extract(model, circuit)
    extract(model, circuit.with_origin(first_tokens=[3, 4]))
    with pytest.raises(InterventionError, match="cannot exempt the first position"):
        extract(model, circuit, layout="uniform", first_tokens=[3])


def test_what_cannot_be_cut_out():
    model = tiny("llama")
    circuit = random_circuit(model, "mlp.post_act")
    with pytest.raises(InterventionError, match="second input"):
        extract(model, circuit, Counterfactual())
    with pytest.raises(InterventionError, match="second input"):
        extract(model, circuit, "counterfactual")
    with pytest.raises(InterventionError, match="needs means"):
        extract(model, circuit, "mean")
    with pytest.raises(InterventionError, match="chosen positions"):
        extract(model, circuit, Zero(positions="last"))
    small = extract(model, circuit, Zero(positions="all"))
    own = Circuit.full(random_circuit(small, "attn.z").universe)
    with pytest.raises(CircuitError, match="is itself extracted"):
        extract(small, own, Zero(positions="all"))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_empty_and_full_circuits(share):
    model = tiny("llama")
    circuit = random_circuit(model, "mlp.post_act, attn.z", share=share)
    small = extract(model, circuit, Zero(positions="all"))
    tokens = random_tokens(2, 5)
    if share:
        assert gap(small.logits(tokens), model.logits(tokens)) <= 1e-5
    else:
        assert small.shape.widths["mlp.post_act"] == (0, 0, 0)
        assert gap(small.logits(tokens), model.logits(tokens)) > 1e-2


def test_side_by_side_runs_what_lies_on_disk(tmp_path):
    model = tiny("llama")
    model.save_pretrained(tmp_path / "full")
    circuit = random_circuit(model, "mlp.post_act, attn.z", share=0.3)
    circuit = circuit.with_origin(replacement={"kind": "zero", "positions": "all"})
    circuit.save(tmp_path / "circuit")
    extract(model, circuit, Zero(positions="all")).save_pretrained(tmp_path / "small")
    places = (tmp_path / "full", tmp_path / "circuit", tmp_path / "small")
    found = side_by_side(*places, random_tokens(4, 6), replacement="zero", threads=1, seconds=0.0)
    assert [m.what for m in found.models] == ["full", "masked", "extracted"]
    full, masked, cut = found.models
    assert full.parameters == masked.parameters > cut.parameters
    for one in found.models:
        low, high = one.tokens_per_second_range
        assert 0 < low <= one.tokens_per_second <= high and one.forwards >= 5
    assert full.flops_per_token == masked.flops_per_token > cut.flops_per_token
    assert found.max_logit_difference <= 1e-5 and found.same_argmax == found.rows == 4
