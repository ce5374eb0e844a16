import copy
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING, AutoModelForCausalLM

from tapeout import load
from tapeout.errors import ModelError
from tapeout.interventions import record
from tapeout.models import Model
from tapeout.models.configuration_weight_sparse import NODE_SITES
from tapeout.models.modeling_weight_sparse import (
    WeightSparseConfig,
    WeightSparseForCausalLM,
    sinusoids,
)

from ..tiny import Sizes, gap, random_tokens, some_sizes, tiny, tiny_hf, weight_sparse

SMALL = {
    "vocab_size": 61,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "head_dim": 4,
    "max_position_embeddings": 16,
}


@given(sizes=some_sizes())
def test_a_folder_opens_bit_for_bit_without_code_of_its_own(sizes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    hf = tiny_hf("weight_sparse", sizes)
    for buffer in hf.buffers():
        buffer.normal_()
    hf.save_pretrained(folder)
    tokens = random_tokens(2, 7)
    opened = [
        WeightSparseForCausalLM.from_pretrained(folder),
        AutoModelForCausalLM.from_pretrained(folder),
        load(folder).hf,
    ]
    for other in opened:
        assert type(other) is WeightSparseForCausalLM
        own = {"dtype": None, "_name_or_path": None}
        assert other.config.to_dict() | own == hf.config.to_dict() | own
        with torch.no_grad():
            assert torch.equal(hf(tokens.ids).logits, other(tokens.ids).logits)
        assert all(p.requires_grad for p in other.parameters())
        assert {*dict(other.named_buffers())} == {*dict(hf.named_buffers())}


def test_load_brings_the_architecture_along(tmp_path):
    """In a process that never imported it."""
    tiny("weight_sparse").save_pretrained(tmp_path)
    code = f"import tapeout; print(tapeout.load({str(tmp_path)!r}).shape.family)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "weight_sparse\n" and done.stderr == ""


def test_opens_without_tapeout(tmp_path, monkeypatch):
    model = tiny("weight_sparse")
    model.save_pretrained(tmp_path)
    monkeypatch.delitem(CONFIG_MAPPING._extra_content, "weight_sparse")
    monkeypatch.delitem(MODEL_FOR_CAUSAL_LM_MAPPING._extra_content, WeightSparseConfig)
    opened = AutoModelForCausalLM.from_pretrained(tmp_path, trust_remote_code=True)
    assert "transformers_modules" in type(opened).__module__
    tokens = random_tokens(2, 6)
    with torch.no_grad():
        assert torch.equal(opened(tokens.ids).logits, model.logits(tokens))


def test_the_defaults_are_the_papers():
    config = WeightSparseConfig()
    assert (config.num_hidden_layers, config.hidden_size) == (8, 2048)
    assert (config.num_attention_heads, config.intermediate_size) == (128, 8192)
    assert [config.share(site) for site in (*NODE_SITES, "resid_mid")] == [0.25] * 8 + [1.0]


@given(sizes=some_sizes(), share=st.sampled_from([0.0, 0.25, 0.5, 0.99]))
def test_no_site_holds_more_than_its_share(sizes, share):
    model = Model(WeightSparseForCausalLM(weight_sparse(sizes, kept_share=share)).eval())
    where = [(layer, site) for layer in range(sizes.layers) for site in NODE_SITES]
    for (layer, site), seen in record(model, random_tokens(2, 5), where).items():
        assert int((seen != 0).sum(-1).max()) <= int(share * model.shape.width(layer, site))


@torch.no_grad()
def test_how_weights_start():
    torch.manual_seed(0)
    hf = WeightSparseForCausalLM(WeightSparseConfig(**SMALL, sinks=True))
    layer = hf.transformer["h"][1]
    assert float(layer.attn.c_attn.weight.std()) == pytest.approx(0.02, rel=0.1)
    for write in (layer.attn.c_proj, layer.mlp.c_proj):
        assert float(write.weight.std()) == pytest.approx(0.01, rel=0.1)
    zero = (layer.attn.sink, layer.mlp.c_fc.bias, hf.bigram_table)
    assert not any(bool(p.any()) for p in zero)
    assert bool((layer.ln_1.weight == 1).all())


def test_sinusoids():
    table = sinusoids(64, 7)
    assert table.shape == (64, 7)
    assert not bool(table[:, 6].any())
    place = torch.arange(64.0)
    for channel, period in enumerate((4, 16, 64)):  # equal ratios from 4 tokens to the length
        angle = place * 2 * torch.pi / period
        assert gap(table[:, channel], angle.sin()) <= 1e-4
        assert gap(table[:, 3 + channel], angle.cos()) <= 1e-4
    fixed = {"positions": "sinusoidal", "position_channels": 7}
    hf = WeightSparseForCausalLM(WeightSparseConfig(**SMALL, **fixed))
    weight = hf.transformer["read_positions"].weight
    assert torch.equal(weight, sinusoids(16, 7)) and not isinstance(weight, torch.nn.Parameter)


def test_the_bigram_table_is_looked_up_by_the_current_token():
    hf = tiny_hf("weight_sparse", Sizes(seed=1))
    plain = copy.deepcopy(hf)
    hf.bigram_table.normal_()
    tokens = random_tokens(2, 7)
    with torch.no_grad():
        added = hf(tokens.ids).logits - plain(tokens.ids).logits
        assert gap(added, hf.bigram_table[tokens.ids]) <= 1e-5
        last = hf(tokens.ids, logits_to_keep=2).logits
        assert gap(last, hf(tokens.ids).logits[:, -2:]) <= 1e-6


def test_a_frozen_table_is_part_of_the_fingerprint():
    model = tiny("weight_sparse", Sizes(seed=1))
    before = model.fingerprint
    model.hf.bigram_table[3, 4] = 1.0
    assert model.fingerprint.weights != before.weights


def test_a_sink_takes_attention_away():
    hf = tiny_hf("weight_sparse")
    tokens = random_tokens(2, 7)
    z = []
    hf.transformer["h"][0].attn.c_proj.register_forward_pre_hook(lambda m, args: z.append(args[0]))
    with torch.no_grad():
        for sink in (-30.0, 0.0, 30.0):
            hf.transformer["h"][0].attn.sink.fill_(sink)
            hf(tokens.ids)
    lengths = [float(part.norm()) for part in z]
    assert lengths[0] > lengths[1] > lengths[2] and lengths[2] < 1e-4


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype):
    hf = tiny_hf("weight_sparse")
    tokens = random_tokens(2, 7)
    with torch.no_grad():
        exact = hf(tokens.ids).logits
        assert hf.to(dtype)(tokens.ids).logits.dtype == dtype
    hf.float()
    with torch.autocast("cpu", dtype):
        loss = hf(tokens.ids).logits.float().logsumexp(-1).mean()
    loss.backward()
    assert gap(loss, exact.logsumexp(-1).mean()) < 0.1
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in hf.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"positions": "rotary"}, "choose from.*'added'"),
        ({"positions": "concatenated"}, "position_channels=0"),
        ({"position_channels": 3}, "positions='none'"),
        ({"kept_share": 1.5}, "from 0 to 1"),
        ({"kept_share": {"attn.qq": 0.5}}, "names 'attn.qq'"),
    ],
)
def test_settings_that_make_no_sense(change, message):
    with pytest.raises(ValueError, match=message):
        WeightSparseConfig(**SMALL, **change)


def test_a_folder_with_such_settings(tmp_path):
    hf = tiny_hf("weight_sparse")
    hf.config.norm = "batch"
    hf.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="norm is 'batch'"):
        load(tmp_path)


def test_a_text_that_is_too_long():
    config = WeightSparseConfig(**SMALL, positions="added")
    with pytest.raises(ValueError, match=r"17 tokens .* 16 positions"):
        WeightSparseForCausalLM(config)(random_tokens(1, 17).ids)
    without = WeightSparseForCausalLM(WeightSparseConfig(**SMALL))
    assert without(random_tokens(1, 17).ids).logits.shape == (1, 17, 61)
