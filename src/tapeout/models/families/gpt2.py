"""GPT-2: fused, transposed projections (`Conv1D`), learned positions, biases everywhere."""

from .._family import Block, Family, Fused

GPT2 = Family(
    name="gpt2",
    layers="transformer.h",
    embed="transformer.drop",
    embed_tables=("transformer.wte", "transformer.wpe"),
    final_norm="transformer.ln_f",
    attn=Block("attn", norm="ln_1"),
    qkv=Fused("attn.c_attn", order="blocks"),
    out="attn.c_proj",
    mlp=Block("mlp", norm="ln_2"),
    gate_up=("mlp.c_fc",),
    down="mlp.c_proj",
    width_key="n_inner",
    heads_key="n_head",
    kv_heads_key=None,
)
