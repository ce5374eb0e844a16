"""Released weight-sparse models made up here, and what they compute, written down once more.

The reference is slow and plain on purpose: one sequence at a time, one head at a time, sinks by
concatenation and softmax. It shares no code with the library.
"""

import json
import math
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

VOCAB, LENGTH = 23, 12
EVERYWHERE = "attn_in,attn_q,attn_k,attn_v,attn_out,mlp_in,mlp_neuron,mlp_out"
STREAM = "resid_post_attn,resid_post_mlp"


def some_fields() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "n_layer": st.integers(1, 3),
            "d_head": st.sampled_from([2, 4, None]),
            "bias": st.booleans(),
            "ln_bias": st.booleans(),
            "rms_norm": st.booleans(),
            "residual_activation_type": st.sampled_from(["identity", "identity", "relu"]),
            "activation_type": st.sampled_from(["gelu", "relu"]),
            "afrac": st.sampled_from([None, 0.25, 0.5]),
            "afrac_loctypes": st.sampled_from(
                [EVERYWHERE, "attn_in,attn_out,mlp_in,mlp_out", f"{EVERYWHERE},{STREAM}"]
            ),
            "tied_unembed": st.booleans(),
            "enable_bigram_table": st.booleans(),
            "learnable_bigram_table": st.booleans(),
            "positions": st.sampled_from(["none", "added", "concatenated", "sinusoidal"]),
            "sink": st.booleans(),
            "seed": st.integers(0, 50),
        }
    )


def made_up(drawn: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Config and weights as they lie in a released folder."""
    drawn = dict(drawn)
    positions, seed = drawn.pop("positions"), drawn.pop("seed")
    fields = {"block_size": LENGTH, "vocab_size": VOCAB, "d_model": 12, "n_head": 3, "n_mlp": 20}
    fields |= drawn
    fields["d_pos_emb"] = 5 if positions in ("concatenated", "sinusoidal") else None
    fields["sinusoidal_cat_pos_emb"] = positions == "sinusoidal"
    fields |= {"flash": True, "bigram_table_rank": None, "use_tied_aux_matrix": False}
    random = torch.Generator().manual_seed(seed)
    state = _weights(fields, lambda *shape: torch.randn(shape, generator=random))
    if positions == "none":
        state["transformer.wpe.weight"].zero_()
    return fields, state


def _weights(fields: dict[str, Any], draw: Any) -> dict[str, Tensor]:
    d, heads, mlp = fields["d_model"], fields["n_head"], fields["n_mlp"]
    width, beside = heads * (fields["d_head"] or d // heads), fields["d_pos_emb"] or 0
    state: dict[str, Tensor] = {}

    def linear(path: str, d_in: int, d_out: int) -> None:
        state[f"{path}.weight"] = draw(d_out, d_in) / d_in**0.5
        if fields["bias"]:
            state[f"{path}.bias"] = 0.3 * draw(d_out)

    def norm(path: str, size: int) -> None:
        state[f"{path}.weight"] = 1 + 0.3 * draw(size)
        if fields["ln_bias"] and not fields["rms_norm"]:
            state[f"{path}.bias"] = 0.3 * draw(size)

    state["transformer.wte.weight"] = draw(VOCAB, d)
    state["transformer.wpe.weight"] = draw(LENGTH, beside or d)
    for layer in range(fields["n_layer"]):
        at = f"transformer.h.{layer}"
        linear(f"{at}.attn.c_attn", d + beside, 3 * width)
        linear(f"{at}.attn.c_proj", width, d)
        linear(f"{at}.mlp.c_fc", d + beside, mlp)
        linear(f"{at}.mlp.c_proj", mlp, d)
        for name in ("ln_1", "ln_2"):
            norm(f"{at}.{name}", d)
        for name in ("ln_p1", "ln_p2") if beside else ():
            norm(f"{at}.{name}", beside)
        if fields["sink"]:
            state[f"{at}.attn.attn_imp.sink_logit"] = 2 * draw(heads)
    norm("transformer.ln_f", d)
    tied = fields["tied_unembed"]
    state["lm_head.weight"] = state["transformer.wte.weight"] if tied else draw(VOCAB, d)
    state["final_logits_bias"] = draw(VOCAB)
    if fields["enable_bigram_table"]:
        state["bigram_table"] = draw(VOCAB, VOCAB)
    return state


def write_folder(folder: Any, fields: dict[str, Any], state: dict[str, Tensor]) -> None:
    (folder / "beeg_config.json").write_text(json.dumps(fields))
    torch.save(state, folder / "final_model.pt")


def reference(
    fields: dict[str, Any], state: dict[str, Tensor], ids: list[int]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits of one sequence, and what the released code's hooks would hold."""
    seen: dict[str, Tensor] = {}
    pos = state["transformer.wpe.weight"][: len(ids)]
    x = torch.stack([state["transformer.wte.weight"][i] for i in ids])
    beside = fields["d_pos_emb"] is not None
    x = x if beside else x + pos
    for layer in range(fields["n_layer"]):
        for block, number in (("attn", 1), ("mlp", 2)):
            at = f"transformer.h.{layer}."
            read = _norm(fields, state, f"{at}ln_{number}", x)
            if beside:
                read = torch.cat([read, _norm(fields, state, f"{at}ln_p{number}", pos)], 1)
            act_in = _sparse(fields, f"{block}_in", read)
            hooks = {"act_in": act_in}
            run = _attention if block == "attn" else _mlp
            hooks["resid_delta"] = run(fields, state, f"{at}{block}.", act_in, hooks)
            x = x + hooks["resid_delta"]
            if fields["residual_activation_type"] == "relu":
                x = x.clamp(min=0)
            x = _sparse(fields, f"resid_post_{block}", x)
            seen |= {f"{layer}.{block}.{name}": value for name, value in hooks.items()}
    x = _norm(fields, state, "transformer.ln_f", x)
    logits = x @ state["lm_head.weight"].T + state["final_logits_bias"]
    if fields["enable_bigram_table"]:
        logits = logits + torch.stack([state["bigram_table"][i] for i in ids])
    return logits, seen


def _linear(state: dict[str, Tensor], path: str, x: Tensor) -> Tensor:
    return x @ state[f"{path}.weight"].T + state.get(f"{path}.bias", torch.zeros(()))


def _norm(fields: dict[str, Any], state: dict[str, Tensor], path: str, x: Tensor) -> Tensor:
    if fields["rms_norm"]:
        epsilon = torch.finfo(torch.float32).eps
        x = x / (x.pow(2).mean(1, keepdim=True) + epsilon).sqrt()
    else:
        centred = x - x.mean(1, keepdim=True)
        x = centred / (centred.pow(2).mean(1, keepdim=True) + 1e-5).sqrt()
    return x * state[f"{path}.weight"] + state.get(f"{path}.bias", torch.zeros(()))


def _sparse(fields: dict[str, Any], location: str, x: Tensor) -> Tensor:
    if fields["afrac"] is None or location not in fields["afrac_loctypes"].split(","):
        return x
    k = int(fields["afrac"] * x.shape[1])
    kept = torch.zeros_like(x)
    for row, values in enumerate(x):
        for place in values.abs().argsort(descending=True)[:k]:
            kept[row, place] = values[place]
    return kept


def _attention(
    fields: dict[str, Any], state: dict[str, Tensor], at: str, x: Tensor, hooks: dict[str, Tensor]
) -> Tensor:
    parts = _linear(state, f"{at}c_attn", x).chunk(3, dim=1)
    for name, part in zip("qkv", parts, strict=True):
        hooks[name] = _sparse(fields, f"attn_{name}", part)
    dim = parts[0].shape[1] // fields["n_head"]
    heads = []
    for head in range(fields["n_head"]):
        q, k, v = (hooks[name][:, head * dim : (head + 1) * dim] for name in "qkv")
        scores = q @ k.T / math.sqrt(dim)
        scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -math.inf)
        if fields["sink"]:
            sink = state[f"{at}attn_imp.sink_logit"][head].expand(len(x), 1)
            weights = torch.cat([sink, scores], 1).softmax(1)[:, 1:]
        else:
            weights = scores.softmax(1)
        heads.append(weights @ v)
    hooks["y"] = torch.cat(heads, 1)
    return _sparse(fields, "attn_out", _linear(state, f"{at}c_proj", hooks["y"]))


def _mlp(
    fields: dict[str, Any], state: dict[str, Tensor], at: str, x: Tensor, hooks: dict[str, Tensor]
) -> Tensor:
    hidden = _linear(state, f"{at}c_fc", x)
    if fields["activation_type"] == "relu":
        hidden = hidden.clamp(min=0)
    else:
        hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
    hooks["post_act"] = _sparse(fields, "mlp_neuron", hidden)
    return _sparse(fields, "mlp_out", _linear(state, f"{at}c_proj", hooks["post_act"]))
