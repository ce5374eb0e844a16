"""Llama: pre-norm, gated MLP, grouped-query attention."""

from .._family import llama_like

LLAMA = llama_like("llama")
