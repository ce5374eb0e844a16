"""Phi-3: Llama with fused query/key/value and fused gate/up projections."""

from .._family import Fused, llama_like

PHI3 = llama_like(
    "phi3",
    qkv=Fused("self_attn.qkv_proj", order="blocks"),
    gate_up=("mlp.gate_up_proj",),
    gate_up_parts=2,
)
