"""Released weight-sparse models, held against a plain forward pass over their weights."""

import json

import pytest
import torch
from hypothesis import given

from tapeout import extract, load
from tapeout.errors import ModelError
from tapeout.interventions import Zero, record
from tapeout.models import SITES, Model, Tokens, write_released
from tapeout.models.modeling_weight_sparse import WeightSparseForCausalLM

from ..tiny import Sizes, random_circuit, tiny, weight_sparse
from .released import VOCAB, made_up, reference, some_fields, write_folder

EXACT = 1e-5
PLAIN = {
    "n_layer": 2,
    "d_head": 4,
    "bias": True,
    "ln_bias": True,
    "rms_norm": True,
    "residual_activation_type": "identity",
    "activation_type": "gelu",
    "afrac": 0.25,
    "afrac_loctypes": "attn_in,mlp_neuron",
    "tied_unembed": False,
    "enable_bigram_table": True,
    "learnable_bigram_table": True,
    "positions": "none",
    "sink": True,
    "seed": 0,
}
HOOKS = {site: site.replace("attn.z", "attn.y") for site in SITES if site != "embed"}


@pytest.fixture
def folder(tmp_path):
    write_folder(tmp_path, *made_up(PLAIN))
    return tmp_path


@given(drawn=some_fields())
def test_logits_and_sites_are_the_references(drawn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("released")
    fields, state = made_up(drawn)
    write_folder(folder, fields, state)
    model = load(folder)
    ids = [int(i) for i in torch.randint(VOCAB, (9,))]
    tokens = Tokens(torch.tensor([ids]))
    expected, hooks = reference(fields, state, ids)
    with torch.no_grad():
        assert float((model.logits(tokens)[0] - expected).abs().max()) <= EXACT
    where = [(layer, site) for layer in range(fields["n_layer"]) for site in HOOKS]
    for (layer, site), seen in record(model, tokens, where).items():
        assert float((seen[0] - hooks[f"{layer}.{HOOKS[site]}"]).abs().max()) <= EXACT


@given(drawn=some_fields())
def test_what_is_written_is_what_was_read(drawn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("released")
    fields, state = made_up(drawn)
    write_folder(folder, fields, state)
    model = load(folder)
    write_released(model, folder / "again")
    again = torch.load(folder / "again" / "final_model.pt", weights_only=True)
    assert set(again) == set(state)
    assert all(torch.equal(again[name], state[name]) for name in state)
    written = json.loads((folder / "again" / "beeg_config.json").read_text())
    changed = {name for name in written if written[name] != fields.get(name, written[name])}
    # a share of None says the same with any locations, and the head's size is spelt out
    assert changed <= {"afrac_loctypes", "d_head", "learnable_bigram_table"}
    tokens = Tokens(torch.randint(VOCAB, (2, 7)))
    with torch.no_grad():
        assert torch.equal(load(folder / "again").logits(tokens), model.logits(tokens))
        model.save_pretrained(folder / "own")
        assert torch.equal(load(folder / "own").logits(tokens), model.logits(tokens))


def test_older_files_lack_the_final_bias_or_carry_a_mask(folder):
    _, state = made_up(PLAIN)
    bias = state.pop("final_logits_bias")
    state["transformer.h.0.attn.bias"] = torch.ones(12, 12).tril()[None, None]
    with_bias = load(folder)
    torch.save(state, folder / "final_model.pt")
    tokens = Tokens(torch.arange(7)[None])
    with torch.no_grad():
        gap = with_bias.logits(tokens) - load(folder).logits(tokens) - bias
    assert float(gap.abs().max()) <= EXACT


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lm_head.weight": None}, "lacks 1 weight.*lm_head"),
        ({"transformer.h.1.attn.attn_imp.sink_logit": None}, "lacks 1 .*h.1.attn.sink"),
        ({"transformer.wpe.weight": None}, "lacks 1 .*wpe"),
        ({"transformer.h.2.ln_1.weight": torch.ones(12)}, "unexpected 1 .*h.2.ln_1"),
        ({"transformer.wte.weight": torch.ones(VOCAB, 13)}, "do not fit the config.*wte"),
    ],
)
def test_weights_that_are_not_the_configs(folder, change, message):
    _, state = made_up(PLAIN)
    state = {name: value for name, value in (state | change).items() if value is not None}
    torch.save(state, folder / "final_model.pt")
    with pytest.raises(ModelError, match=message):
        load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"use_tied_aux_matrix": True}, "use_tied_aux_matrix is not supported"),
        ({"afrc": 0.5}, "unknown field 'afrc': did you mean 'afrac'"),
        ({"afrac_loctypes": "attn_inn"}, "did you mean 'attn_in'"),
        ({"activation_type": "silu"}, "activation is 'silu'"),
        ({"sinusoidal_cat_pos_emb": True}, "position_channels=0"),
        ({"tied_unembed": True}, "the two tables differ"),
        ({"sink": False}, "unexpected 2 weight"),
    ],
)
def test_configs_that_are_not_supported(folder, change, message):
    fields, _ = made_up(PLAIN)
    (folder / "beeg_config.json").write_text(json.dumps(fields | change))
    with pytest.raises(ModelError, match=message):
        load(folder)


def test_damaged_folders(folder):
    path = folder / "final_model.pt"
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"not a model"):
        path.write_bytes(content)
        with pytest.raises(ModelError, match="damaged or holds more than weights"):
            load(folder)
    torch.save({"code": made_up}, path)
    with pytest.raises(ModelError, match="holds more than weights"):
        load(folder)
    path.unlink()
    with pytest.raises(ModelError, match=r"final_model\.pt is missing"):
        load(folder)
    (folder / "beeg_config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot read"):
        load(folder)


def test_a_dtype_can_be_asked_for(folder):
    assert load(folder, dtype="bfloat16").hf.dtype == torch.bfloat16
    assert load(folder).hf.dtype == torch.float32


def test_what_the_format_cannot_hold(tmp_path):
    with pytest.raises(ModelError, match="no uncut weight-sparse"):
        write_released(tiny("llama"), tmp_path)
    model = tiny("weight_sparse")
    small = extract(model, random_circuit(model, "mlp.post_act"), Zero(positions="all"))
    with pytest.raises(ModelError, match="no uncut weight-sparse"):
        write_released(small, tmp_path)
    with pytest.raises(ModelError, match="epsilon"):
        write_released(model, tmp_path)
    shares = {"attn.q": 0.1, "attn.k": 0.2}
    config = weight_sparse(Sizes(), kept_share=shares, norm_eps=None)
    with pytest.raises(ModelError, match="the same share"):
        write_released(Model(WeightSparseForCausalLM(config)), tmp_path)
    config = weight_sparse(Sizes(groups=1, kv_heads=3), hidden_size=10, norm_eps=None)
    with pytest.raises(ModelError, match="divides by its number of heads"):
        write_released(Model(WeightSparseForCausalLM(config)), tmp_path)
