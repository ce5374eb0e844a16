"""Masked by hooks == weights zeroed == extracted == extracted and reloaded."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING, AutoModelForCausalLM

from tapeout import load
from tapeout.errors import InterventionError
from tapeout.extraction import extract
from tapeout.interventions import Zero, restrict
from tapeout.models import Model

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

EXACT = 1e-5
SPECS = [
    "mlp.post_act",
    "attn.z:head",
    "mlp.post_act, attn.z:head",
    "attn.z:channel, attn.z:head, attn.resid_delta:block, mlp.resid_delta:block",
    "attn.act_in, mlp.act_in",
    "attn.q:head, attn.k:channel, attn.v:head",
    "attn.resid_delta, mlp.resid_delta",
    "embed, mlp.post_act",
]


@pytest.mark.parametrize("family", ALL_FAMILIES)
@given(
    sizes=some_sizes(),
    spec=st.sampled_from(SPECS),
    share=st.sampled_from([0.0, 0.3, 0.7, 1.0]),
    kind=st.sampled_from(["zero", "mean"]),
    positions=st.sampled_from(["all", "all_but_first"]),
)
def test_masked_equals_extracted_equals_reloaded(
    family, sizes, spec, share, kind, positions, tmp_path_factory
):
    model = tiny(family, sizes)
    circuit = random_circuit(model, spec, share=share, seed=sizes.seed)
    replacement = static_replacement(model, circuit, kind, positions)
    tokens = random_tokens(3, 8, seed=sizes.seed)
    with torch.no_grad():
        with restrict(model, circuit, replacement):
            masked = model.logits(tokens)
        small = extract(model, circuit, replacement, first_tokens=tokens.ids[:, 0].tolist())
        extracted = small.logits(tokens)
        folder = tmp_path_factory.mktemp("extracted")
        small.save_pretrained(folder)
        reloaded = load(folder).logits(tokens)
    assert gap(masked, extracted) <= EXACT
    assert torch.equal(extracted, reloaded)


@pytest.mark.parametrize("family", ALL_FAMILIES)
@given(sizes=some_sizes(), share=st.sampled_from([0.2, 0.6]))
def test_masked_equals_zeroed_weights(family, sizes, share):
    model = tiny(family, sizes)
    circuit = random_circuit(model, "mlp.post_act, attn.z:head", share=share, seed=sizes.seed)
    tokens = random_tokens(3, 8)
    with torch.no_grad(), restrict(model, circuit, Zero(positions="all")):
        masked = model.logits(tokens)
    zeroed = Model(copy.deepcopy(model.hf))
    with torch.no_grad():
        for (layer, site), gate in circuit.universe.expand(circuit.kept).items():
            module = zeroed.tap(layer, site).module  # the projection that reads the site
            rows_are_inputs = family == "gpt2"
            module.weight.mul_(gate[:, None] if rows_are_inputs else gate[None])
        assert gap(masked, zeroed.logits(tokens)) <= EXACT


@pytest.mark.parametrize("family", ALL_FAMILIES)
@given(sizes=some_sizes(), kind=st.sampled_from(["zero", "mean"]))
def test_uniform_layout_is_a_stock_model(family, sizes, kind, tmp_path_factory):
    model = tiny(family, sizes)
    circuit = random_circuit(model, "mlp.post_act, attn.z:head", share=0.5, seed=sizes.seed)
    replacement = static_replacement(model, circuit, kind)
    tokens = random_tokens(3, 8)
    with torch.no_grad(), restrict(model, circuit, replacement):
        masked = model.logits(tokens)
    try:
        small = extract(model, circuit, replacement, layout="uniform")
    except InterventionError as error:
        assert kind == "mean" and "has no bias" in str(error)
        return
    folder = tmp_path_factory.mktemp("uniform")
    small.save_pretrained(folder)
    stock = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    assert type(stock) is type(model.hf)
    with torch.no_grad():
        assert gap(masked, stock(tokens.ids).logits) <= EXACT


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_stock_transformers_refuses_a_per_layer_model(family, tmp_path):
    """An extracted model must never open silently as something else, even if no size changed."""
    model = tiny(family)
    for name, spec in (("sizes", "mlp.post_act, attn.z:head"), ("values", "mlp.resid_delta")):
        circuit = random_circuit(model, spec)
        small = extract(model, circuit, static_replacement(model, circuit, "mean"))
        small.save_pretrained(tmp_path / name)
        with pytest.raises(RuntimeError):
            AutoModelForCausalLM.from_pretrained(tmp_path / name)


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_opens_by_remote_code_without_tapeout(family, tmp_path, monkeypatch):
    model = tiny(family)
    circuit = random_circuit(model, "mlp.post_act, attn.z:head")
    small = extract(model, circuit, Zero(positions="all"))
    small.save_pretrained(tmp_path)
    for mapping, key in (
        (CONFIG_MAPPING, family),
        (MODEL_FOR_CAUSAL_LM_MAPPING, type(model.hf.config)),
    ):  # what Tapeout's own architecture is registered in
        monkeypatch.delitem(mapping._extra_content, key, raising=False)
    opened = AutoModelForCausalLM.from_pretrained(tmp_path, trust_remote_code=True)
    assert "transformers_modules" in type(opened).__module__
    tokens = random_tokens(2, 6)
    with torch.no_grad():
        assert torch.equal(opened(tokens.ids).logits, small.logits(tokens))


@pytest.mark.parametrize("family", ["llama", "phi3", "qwen3", "olmo2"])
@pytest.mark.parametrize("kept", [[0, 1, 2], [0, 2, 3], [0, 1, 2, 3, 4], [5], [0, 3, 4, 5]])
def test_uneven_heads_per_group(family, kept):
    model = tiny(family, Sizes(groups=3, kv_heads=2))
    names = [f"{layer}.attn.z.head{head}" for layer in range(3) for head in kept]
    circuit = random_circuit(model, "attn.z:head")
    circuit = type(circuit).of(circuit.universe, names)
    tokens = random_tokens(2, 7)
    with torch.no_grad(), restrict(model, circuit, Zero(positions="all")):
        masked = model.logits(tokens)
    small = extract(model, circuit, Zero(positions="all"))
    with torch.no_grad():
        assert gap(masked, small.logits(tokens)) <= EXACT


def test_shrinks_what_it_cuts():
    model = tiny("llama", Sizes(d_mlp=16))
    circuit = random_circuit(model, "mlp.post_act", share=0.25)
    small = extract(model, circuit, Zero(positions="all"))
    for row in circuit.by_layer():
        assert small.shape.width(row.layer, "mlp.post_act") == row.kept
    removed = (circuit.universe.size - circuit.size) * 3 * model.shape.width(0, "embed")
    count = lambda m: sum(p.numel() for p in m.hf.parameters())  # noqa: E731
    assert count(model) - count(small) == removed


def test_shares_no_memory_with_the_original():
    model = tiny("llama", Sizes(tied=True))
    small = extract(model, random_circuit(model, "mlp.post_act"), Zero(positions="all"))
    own = {p.data_ptr() for p in model.hf.parameters()}
    assert not own & {p.data_ptr() for p in small.hf.parameters()}
