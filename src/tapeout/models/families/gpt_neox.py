"""GPT-NeoX (Pythia): attention and MLP in parallel, query/key/value interleaved head by head."""

from .._family import Block, Family, Fused

GPT_NEOX = Family(
    name="gpt_neox",
    layers="gpt_neox.layers",
    embed="gpt_neox.emb_dropout",
    embed_tables=("gpt_neox.embed_in",),
    final_norm="gpt_neox.final_layer_norm",
    attn=Block("attention", norm="input_layernorm"),
    qkv=Fused("attention.query_key_value", order="heads"),
    out="attention.dense",
    mlp=Block("mlp", norm="post_attention_layernorm"),
    gate_up=("mlp.dense_h_to_4h",),
    down="mlp.dense_4h_to_h",
    kv_heads_key=None,
)
