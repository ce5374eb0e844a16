"""The format of OpenAI's released weight-sparse models: `beeg_config.json`, `final_model.pt`.

The facts are from openai/circuit_sparsity at 8a029a3 (`inference/gpt.py`): names, defaults and
what is computed. Its loader lets missing and unexpected weights pass; here either is an error.
"""

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import ModelError, nearest
from ._model import Model

CONFIG, WEIGHTS = "beeg_config.json", "final_model.pt"

DEFAULTS: dict[str, Any] = {
    "block_size": 1024,
    "vocab_size": 50304,
    "n_layer": 12,
    "n_head": 12,
    "d_head": None,
    "d_model": 768,
    "d_mlp": None,
    "dropout": 0.0,
    "bias": True,
    "ln_bias": True,
    "rms_norm": False,
    "residual_activation_type": "identity",
    "activation_type": "gelu",
    "afrac": None,
    "afrac_loctypes": "attn_in,attn_out,mlp_in,mlp_out",
    "tied_unembed": True,
    "tokenizer_name": "tinypython_2k",
    "enable_bigram_table": False,
    "learnable_bigram_table": False,
    "d_pos_emb": None,
    "sinusoidal_cat_pos_emb": False,
    "sink": False,
}
"""Fields that say what a model computes, and what they are where the file leaves them out."""

WITHOUT_EFFECT = {
    "flash",
    "debug_nans",
    "grad_checkpointing",
    "enable_sparse_kernels",
    "bigram_table_rank",
    "dropout_cat_pos_emb",
}
"""Fields of how a model is run or trained. Its sinks are there whichever attention runs it."""

LOCATIONS = {
    "attn_in": "attn.act_in",
    "attn_q": "attn.q",
    "attn_k": "attn.k",
    "attn_v": "attn.v",
    "attn_out": "attn.resid_delta",
    "mlp_in": "mlp.act_in",
    "mlp_neuron": "mlp.post_act",
    "mlp_out": "mlp.resid_delta",
    "resid_post_attn": "resid_mid",
    "resid_post_mlp": "resid_post",
}
"""Names of AbsTopK's places there and here."""


def read(folder: Path, dtype: str | torch.dtype = "auto") -> Any:
    """A released model as a `WeightSparseForCausalLM`.

    Args:
        folder: holds `beeg_config.json` and `final_model.pt`; no code of the folder is run.
        dtype: of the weights; `auto` keeps what the file has.

    Raises:
        ModelError: a file is missing or damaged, the config has a field that is not known or asks
            for something that is not supported, or a weight is missing, too much, or of another
            shape than the config says.
    """
    from .modeling_weight_sparse import WeightSparseForCausalLM

    fields, state = _fields(folder / CONFIG), _weights(folder / WEIGHTS)
    if "final_logits_bias" not in state:  # older files; the released loader adds zeros as well
        state["final_logits_bias"] = torch.zeros(fields["vocab_size"])
    for name in [name for name in state if name.endswith(".attn.bias")]:
        del state[name]  # the causal mask, which models that were saved without SDPA carry
    config = _config(fields, state)
    with torch.device("meta"):
        hf = WeightSparseForCausalLM(config)
    own = {_own_name(name, config.positions): tensor for name, tensor in state.items()}
    if config.positions == "none":
        del own["transformer.wpe.weight"]
    if not config.logits_bias:
        del own["final_logits_bias"]
    _check_names(folder, set(hf.state_dict()), set(own))
    if config.tie_word_embeddings and not torch.equal(
        own["transformer.wte.weight"], own["lm_head.weight"]
    ):
        raise ModelError(f"{folder}: tied_unembed is set, but the two tables differ")
    if not isinstance(dtype, torch.dtype):
        dtype = own["transformer.wte.weight"].dtype
    try:
        hf.load_state_dict({name: tensor.to(dtype) for name, tensor in own.items()}, assign=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()
        raise ModelError(f"{folder}: the weights do not fit the config: {reason}") from error
    hf.tie_weights()
    return hf


def write(model: Model, folder: str | Path) -> None:
    """Write a weight-sparse model as the released code reads it.

    `final_model.pt` is PyTorch's own format, as there; Tapeout opens the folder again with `load`.

    Raises:
        ModelError: the model is not a whole weight-sparse transformer, it has a setting that the
            format cannot say, or the folder cannot be written.
    """
    config, folder = model.hf.config, Path(folder)
    if config.model_type != "weight_sparse" or hasattr(config, "tapeout"):
        raise ModelError(
            f"{model.name} is no uncut weight-sparse transformer, and the released format holds "
            "nothing else: use save_pretrained"
        )
    fields = _released_fields(model)
    state = {
        name.replace(".attn.sink", ".attn.attn_imp.sink_logit").replace("read_positions", "wpe"):
            tensor.detach().cpu().contiguous()
        for name, tensor in model.hf.state_dict().items()
    }  # fmt: skip
    zeros = torch.zeros(config.max_position_embeddings, config.hidden_size)
    state.setdefault("transformer.wpe.weight", zeros)
    state.setdefault("final_logits_bias", torch.zeros(config.vocab_size))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CONFIG).write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")
        torch.save(state, folder / WEIGHTS)
    except OSError as error:
        raise ModelError(f"cannot write the model to {folder}: {error}") from error


def _fields(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path}: {error}") from error
    if "n_mlp" in found:
        found["d_mlp"] = found.pop("n_mlp")
    if found.pop("use_tied_aux_matrix", False):
        raise ModelError(f"{path}: use_tied_aux_matrix is not supported, here or in released code")
    for name in found:
        if name not in DEFAULTS and name not in WITHOUT_EFFECT:
            raise ModelError(f"{path}: unknown field {name!r}: {nearest(name, DEFAULTS)}")
    return DEFAULTS | {name: value for name, value in found.items() if name in DEFAULTS}


def _weights(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise ModelError(f"{path.parent} is incomplete: {path.name} is missing")
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except (
        OSError,
        RuntimeError,
        EOFError,
        ValueError,
        TypeError,
        pickle.UnpicklingError,
    ) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{path} is damaged or holds more than weights: {reason}") from error


def _config(fields: Mapping[str, Any], state: Mapping[str, Tensor]) -> Any:
    from .configuration_weight_sparse import WeightSparseConfig

    beside = fields["d_pos_emb"] or 0
    table = state.get("transformer.wpe.weight")  # always there: without positions it is zero
    positions = "none" if table is not None and not bool(table.any()) else "added"
    if beside or fields["sinusoidal_cat_pos_emb"]:
        positions = "sinusoidal" if fields["sinusoidal_cat_pos_emb"] else "concatenated"
    learned = "learned" if fields["learnable_bigram_table"] else "counted"
    try:
        return WeightSparseConfig(
            vocab_size=fields["vocab_size"],
            hidden_size=fields["d_model"],
            num_hidden_layers=fields["n_layer"],
            head_dim=fields["d_head"] or fields["d_model"] // fields["n_head"],
            num_attention_heads=fields["n_head"],
            intermediate_size=fields["d_mlp"],
            max_position_embeddings=fields["block_size"],
            kept_share=_shares(fields["afrac"], fields["afrac_loctypes"]),
            activation=fields["activation_type"],
            norm="rms" if fields["rms_norm"] else "layer",
            norm_bias=fields["ln_bias"],
            bias=fields["bias"],
            stream_activation=fields["residual_activation_type"],
            sinks=fields["sink"],
            bigrams=learned if fields["enable_bigram_table"] else "none",
            logits_bias=bool(state["final_logits_bias"].any()),
            positions=positions,
            position_channels=beside,
            dropout=float(fields["dropout"]),
            tie_word_embeddings=fields["tied_unembed"],
            **{"tokenizer_name": fields["tokenizer_name"]},
        )
    except (ValueError, TypeError) as error:
        raise ModelError(f"{CONFIG} asks for something that is not supported: {error}") from error


def _shares(share: float | None, locations: str) -> dict[str, float]:
    if share is None:
        return {}
    found: dict[str, float] = {}
    for name in filter(None, locations.split(",")):
        if name not in LOCATIONS:
            raise ValueError(f"unknown location {name!r}: {nearest(name, LOCATIONS)}")
        found[LOCATIONS[name]] = float(share)
    return found


def _own_name(name: str, positions: str) -> str:
    if name == "transformer.wpe.weight" and positions in ("concatenated", "sinusoidal"):
        return "transformer.read_positions.weight"
    return name.replace(".attn.attn_imp.sink_logit", ".attn.sink")


def _check_names(folder: Path, expected: set[str], found: set[str]) -> None:
    for what, names in (("lacks", expected - found), ("has unexpected", found - expected)):
        if names:
            some = ", ".join(sorted(names)[:3])
            raise ModelError(f"{folder / WEIGHTS} {what} {len(names)} weight(s), such as {some}")


def _released_fields(model: Model) -> dict[str, Any]:
    config = model.hf.config
    shares = {name: config.share(site) for name, site in LOCATIONS.items()}
    sparse = [name for name, share in shares.items() if share < 1]
    usual = type(config)(norm=config.norm).norm_eps
    rules = {
        "AbsTopK keeps the same share wherever it is": len({shares[name] for name in sparse}) < 2,
        "its norms have the usual epsilon": config.norm_eps == usual,
        "its width divides by its number of heads": (
            config.hidden_size % config.num_attention_heads == 0
        ),
    }
    for rule, kept in rules.items():
        if not kept:
            raise ModelError(f"the released format holds {model.name} only if {rule}")
    return {
        "block_size": config.max_position_embeddings,
        "vocab_size": config.vocab_size,
        "n_layer": config.num_hidden_layers,
        "n_head": config.num_attention_heads,
        "d_head": config.head_dim,
        "d_model": config.hidden_size,
        "d_mlp": config.intermediate_size,
        "dropout": config.dropout,
        "bias": config.bias,
        "ln_bias": config.norm_bias,
        "rms_norm": config.norm == "rms",
        "residual_activation_type": config.stream_activation,
        "activation_type": config.activation,
        "afrac": shares[sparse[0]] if sparse else None,
        "afrac_loctypes": ",".join(sparse),
        "tied_unembed": config.tie_word_embeddings,
        "tokenizer_name": getattr(config, "tokenizer_name", DEFAULTS["tokenizer_name"]),
        "enable_bigram_table": config.bigrams != "none",
        "learnable_bigram_table": config.bigrams == "learned",
        "d_pos_emb": config.position_channels or None,
        "sinusoidal_cat_pos_emb": config.positions == "sinusoidal",
        "flash": True,
        "sink": config.sinks,
        "bigram_table_rank": None,
    }
