"""Gemma 3 (text): Gemma 2's norms, and a norm on each query and key head."""

from .._family import llama_like
from .gemma2 import POST_NORMS

GEMMA3 = llama_like("gemma3_text", **POST_NORMS)
