"""Random tiny models of every supported family."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from tapeout.models import Model, Tokens

VOCAB = 61


@dataclass(frozen=True)
class Sizes:
    """Sizes of a tiny model; `heads` must be a multiple of `kv_heads`."""

    layers: int = 3
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 4
    d_mlp: int = 12
    d_model: int = 16
    tied: bool = False
    bias: bool = False
    seed: int = 0


def _common(s: Sizes) -> dict[str, Any]:
    return {
        "vocab_size": VOCAB,
        "hidden_size": s.d_model,
        "num_hidden_layers": s.layers,
        "num_attention_heads": s.heads,
        "intermediate_size": s.d_mlp,
        "tie_word_embeddings": s.tied,
        "max_position_embeddings": 64,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }


def _grouped(s: Sizes) -> dict[str, Any]:
    return _common(s) | {"num_key_value_heads": s.kv_heads, "head_dim": s.head_dim}


def _config(family: str, s: Sizes) -> tuple[str, Mapping[str, Any]]:
    """The config class and its arguments.

    Where a family derives the head size from the others, `d_model` follows from the heads.
    """
    square = _common(s) | {"hidden_size": s.heads * s.head_dim}
    sliding = {"sliding_window": 3, "layer_types": _alternating(s.layers)}
    match family:
        case "gpt2":
            sizes = {"n_embd": s.heads * s.head_dim, "n_head": s.heads, "n_inner": s.d_mlp}
            rest = {k: v for k, v in _common(s).items() if "_" in k and "hidden" not in k}
            rest = {k: v for k, v in rest.items() if k not in ("num_attention_heads", "intermediate_size")}
            return "GPT2Config", rest | sizes | {"n_layer": s.layers, "n_positions": 64}
        case "gpt_neox":
            return "GPTNeoXConfig", square | {
                "use_parallel_residual": not s.bias,
                "attention_bias": s.bias,
            }
        case "llama":
            return "LlamaConfig", _grouped(s) | {"attention_bias": s.bias, "mlp_bias": s.bias}
        case "mistral":
            return "MistralConfig", _grouped(s) | {"sliding_window": 3}
        case "qwen2":
            return "Qwen2Config", _grouped(s)
        case "qwen3":
            return "Qwen3Config", _grouped(s) | {"attention_bias": s.bias}
        case "gemma2":
            return "Gemma2Config", _grouped(s) | sliding | {"query_pre_attn_scalar": 8}
        case "gemma3_text":
            return "Gemma3TextConfig", _grouped(s) | sliding | {"final_logit_softcapping": 5.0}
        case "olmo2":
            return "Olmo2Config", square | {
                "num_key_value_heads": s.kv_heads,
                "attention_bias": s.bias,
            }
        case "phi3":
            return "Phi3Config", square | {"num_key_value_heads": s.kv_heads}
    raise AssertionError(family)


def _alternating(layers: int) -> list[str]:
    return [("sliding_attention", "full_attention")[i % 2] for i in range(layers)]


def tiny_hf(family: str, sizes: Sizes = Sizes(), **changes: Any) -> Any:
    """A random Hugging Face model; every weight, norms and biases too, is far from its default."""
    kind, arguments = _config(family, sizes)
    config = getattr(transformers, kind)(**(dict(arguments) | changes))
    generator = torch.Generator().manual_seed(sizes.seed)
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for p in model.parameters():
            noise = torch.randn(p.shape, generator=generator)
            p.copy_(1 + 0.3 * noise if p.dim() == 1 and (p == 1).all() else 0.2 * noise)
    return model.eval()


def tiny(family: str, sizes: Sizes = Sizes(), **changes: Any) -> Model:
    return Model(tiny_hf(family, sizes, **changes), name=f"tiny-{family}")


def random_tokens(rows: int, length: int, seed: int = 0) -> Tokens:
    generator = torch.Generator().manual_seed(seed)
    return Tokens(torch.randint(3, VOCAB, (rows, length), generator=generator))
