"""One file per supported architecture."""

from .._family import Family
from .gemma2 import GEMMA2
from .gemma3 import GEMMA3
from .gpt2 import GPT2
from .gpt_neox import GPT_NEOX
from .llama import LLAMA
from .mistral import MISTRAL
from .olmo2 import OLMO2
from .phi3 import PHI3
from .qwen2 import QWEN2
from .qwen3 import QWEN3
from .weight_sparse import WEIGHT_SPARSE

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        GPT2,
        GPT_NEOX,
        LLAMA,
        MISTRAL,
        QWEN2,
        QWEN3,
        GEMMA2,
        GEMMA3,
        OLMO2,
        PHI3,
        WEIGHT_SPARSE,
    )
}
"""Supported model families by the `model_type` of their Hugging Face config."""
