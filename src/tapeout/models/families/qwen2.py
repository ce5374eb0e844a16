"""Qwen2: Llama with biases on query, key and value."""

from .._family import llama_like

QWEN2 = llama_like("qwen2")
