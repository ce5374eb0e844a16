"""Weight-sparse transformers: AbsTopK at every site, so that channels of a site compete."""

from .._family import Block, Family, Fused

WEIGHT_SPARSE = Family(
    name="weight_sparse",
    layers="transformer.h",
    embed="transformer.drop",
    embed_tables=("transformer.wte", "transformer.wpe"),
    final_norm="transformer.ln_f",
    attn=Block("attn", norm="ln_1", feeds=("ln_p1", "attn_in"), write="attn_out"),
    qkv=Fused("attn.c_attn", order="blocks"),
    behind_qkv=("attn.q", "attn.k", "attn.v"),
    out="attn.c_proj",
    per_head=("attn.sink",),
    mlp=Block("mlp", norm="ln_2", feeds=("ln_p2", "mlp_in"), write="mlp_out"),
    gate_up=("mlp.c_fc",),
    behind_gate_up="mlp.neuron",
    down="mlp.c_proj",
    stream=("resid_mid", "resid_post"),
    kv_heads_key=None,
)
