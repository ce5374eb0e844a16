"""Gemma 2: norms before and after each block (writes come after the second), soft caps."""

from .._family import Block, llama_like

POST_NORMS = {
    "attn": Block("self_attn", norm="input_layernorm", write="post_attention_layernorm"),
    "mlp": Block("mlp", norm="pre_feedforward_layernorm", write="post_feedforward_layernorm"),
}

GEMMA2 = llama_like("gemma2", **POST_NORMS)
