"""OLMo 2: norms after the blocks only, and one norm across all query (and all key) heads."""

from .._family import Block, llama_like

OLMO2 = llama_like(
    "olmo2",
    attn=Block("self_attn", write="post_attention_layernorm"),
    mlp=Block("mlp", write="post_feedforward_layernorm"),
    whole_qk_norm=True,
)
