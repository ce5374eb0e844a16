"""Qwen3: Llama with a norm on each query and key head; `attn.q` and `attn.k` are before it."""

from .._family import llama_like

QWEN3 = llama_like("qwen3")
