import json
import subprocess
import sys

import pytest
import torch
import transformers
from hypothesis import given
from torch import nn

from tapeout import load
from tapeout.errors import ModelError
from tapeout.models import Model

from ..tiny import ALL_FAMILIES, Sizes, some_sizes, tiny, tiny_hf


@pytest.mark.parametrize("family", ALL_FAMILIES)
@given(sizes=some_sizes())
def test_the_probe_accepts_every_family(family, sizes):
    load(tiny_hf(family, sizes))


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3_text"])
def test_loads_a_folder_bit_for_bit(family, tmp_path):
    hf = tiny_hf(family)
    hf.save_pretrained(tmp_path)
    model = load(tmp_path)
    assert model.fingerprint.weights == Model(hf).fingerprint.weights
    assert load(model) is model


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("smolm2", "did you mean 'smollm2'"),
        ("./nowhere", "there is no folder"),
        ("nowhere.gguf", "there is no file"),
        ("a/b/c", "there is no folder"),
    ],
)
def test_unknown_sources(source, message):
    with pytest.raises(ModelError, match=message):
        load(source)


def test_half_written_folders(tmp_path):
    with pytest.raises(ModelError, match=r"has no config\.json"):
        load(tmp_path)
    tiny_hf("llama").save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    whole = path.read_bytes()
    for keep in (0, 5, 100, len(whole) - 1):
        path.write_bytes(whole[:keep])
        with pytest.raises(ModelError, match="damaged or was not written to its end"):
            load(tmp_path)
    path.unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors is missing"):
        load(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="is damaged"):
        load(tmp_path)


def test_a_missing_shard(tmp_path):
    tiny_hf("llama").save_pretrained(tmp_path, max_shard_size="2KB")
    shards = sorted(tmp_path.glob("model-*.safetensors"))
    assert len(shards) > 1
    shards[1].unlink()
    with pytest.raises(ModelError, match=f"{shards[1].name} is missing"):
        load(tmp_path)


def test_unknown_family(tmp_path):
    config = transformers.OPTConfig(
        vocab_size=61,
        hidden_size=8,
        num_hidden_layers=1,
        ffn_dim=8,
        num_attention_heads=2,
        word_embed_proj_dim=8,
    )
    with pytest.raises(ModelError, match="family 'opt' is not supported"):
        load(transformers.AutoModelForCausalLM.from_config(config))
    with pytest.raises(ModelError, match=r"has no `config\.model_type`"):
        load(nn.Linear(2, 2))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(value):
    hf = tiny_hf("llama")
    with torch.no_grad():
        hf.model.layers[1].mlp.up_proj.weight[0, 0] = value
    with pytest.raises(ModelError, match=r"layers\.1\.mlp\.up_proj\.weight holds NaN"):
        load(hf)


def test_the_probe_names_a_layer_that_adds_something_else():
    hf = tiny_hf("llama")
    hf.model.layers[1].register_forward_hook(lambda module, args, output: output * 1.01)
    with pytest.raises(ModelError, match="layer 1 does not add"):
        load(hf)


def test_layers_may_differ_in_width_but_not_lack_a_part():
    model = tiny("llama")
    hf = tiny_hf("llama", Sizes(d_mlp=9))
    hf.model.layers[0].mlp = model.hf.model.layers[0].mlp
    load(hf)  # a layer of another width is fine: every layer has its own
    hf.model.layers[0].self_attn.o_proj = nn.Identity()
    with pytest.raises(ModelError, match="a part is missing"):
        load(hf)


def test_unknown_dtype(tmp_path):
    tiny_hf("llama").save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="did you mean 'float16'"):
        load(tmp_path, dtype="flot16")
    assert load(tmp_path, dtype="bfloat16").hf.dtype == torch.bfloat16


def test_a_damaged_gguf(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(ModelError, match=r"cannot read model\.gguf"):
        load(tmp_path / "model.gguf")


def test_no_tokenizer():
    with pytest.raises(ModelError, match="has no tokenizer"):
        _ = tiny("llama").tokenizer


def test_cannot_write(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match="cannot write"):
        tiny("llama").save_pretrained(tmp_path / "file")


def test_importing_tapeout_does_not_import_torch():
    code = "import sys, tapeout; print(json.dumps([m in sys.modules for m in ('torch', 'numpy')]))"
    done = subprocess.run(
        [sys.executable, "-c", f"import json; {code}"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [False, False]
