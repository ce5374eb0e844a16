"""Mistral: Llama with a sliding window; its sites are the same."""

from .._family import llama_like

MISTRAL = llama_like("mistral")
