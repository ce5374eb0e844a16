"""Random tiny models of every supported family."""

from dataclasses import dataclass
from typing import Any

import torch
import transformers
from hypothesis import strategies as st

from tapeout.circuits import Circuit, Universe
from tapeout.interventions import Mean, Positions, Zero
from tapeout.models import FAMILIES, Model, Tokens
from tapeout.models.configuration_weight_sparse import NODE_SITES, STREAM_SITES
from tapeout.models.modeling_weight_sparse import WeightSparseConfig

VOCAB = 61
ALL_FAMILIES = sorted(FAMILIES)


@dataclass(frozen=True)
class Sizes:
    """Sizes of a tiny model: `groups` query heads to each of `kv_heads`, where a family has both.

    Where a family derives the head size from the others, `d_model` follows from the heads.
    """

    layers: int = 3
    groups: int = 2
    kv_heads: int = 2
    head_dim: int = 4
    d_mlp: int = 12
    tied: bool = False
    bias: bool = False
    seed: int = 0

    @property
    def heads(self) -> int:
        return self.groups * self.kv_heads


def some_sizes() -> st.SearchStrategy[Sizes]:
    return st.builds(
        Sizes,
        layers=st.integers(1, 4),
        groups=st.integers(1, 3),
        kv_heads=st.integers(1, 3),
        head_dim=st.sampled_from([2, 4, 6]),
        d_mlp=st.integers(1, 16),
        tied=st.booleans(),
        bias=st.booleans(),
        seed=st.integers(0, 1000),
    )


def config_of(family: str, s: Sizes) -> Any:
    common = {
        "vocab_size": VOCAB,
        "tie_word_embeddings": s.tied,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    if family == "weight_sparse":
        return weight_sparse(s, **common)
    if family == "gpt2":
        sizes = {"n_embd": s.heads * s.head_dim, "n_head": s.heads, "n_inner": s.d_mlp}
        return transformers.GPT2Config(**common, **sizes, n_layer=s.layers, n_positions=64)
    square = common | {
        "hidden_size": s.heads * s.head_dim,
        "num_hidden_layers": s.layers,
        "num_attention_heads": s.heads,
        "intermediate_size": s.d_mlp,
        "max_position_embeddings": 64,
    }
    if family == "gpt_neox":
        rest = {"use_parallel_residual": s.seed % 2 == 0, "attention_bias": s.bias}
        return transformers.GPTNeoXConfig(**square, **rest)
    # a norm of a nearly zero vector blows rounding up; a large epsilon keeps that out of the tests
    square |= {"num_key_value_heads": s.kv_heads, "rms_norm_eps": 0.1}
    # Llama and Gemma insist that the width divides by the number of heads
    free = square | {"head_dim": s.head_dim, "hidden_size": s.heads * 3}
    kinds = [("sliding_attention", "full_attention")[i % 2] for i in range(s.layers)]
    sliding = {"sliding_window": 3, "layer_types": kinds}
    match family:
        case "llama":
            return transformers.LlamaConfig(**free, attention_bias=s.bias, mlp_bias=s.bias)
        case "mistral":
            return transformers.MistralConfig(**free, sliding_window=3)
        case "qwen2":
            return transformers.Qwen2Config(**square)
        case "qwen3":
            return transformers.Qwen3Config(**free, attention_bias=s.bias)
        case "gemma2":
            return transformers.Gemma2Config(**free, **sliding, query_pre_attn_scalar=8)
        case "gemma3_text":
            return transformers.Gemma3TextConfig(**free, **sliding, final_logit_softcapping=5.0)
        case "olmo2":
            return transformers.Olmo2Config(**square, attention_bias=s.bias)
        case "phi3":
            return transformers.Phi3Config(**square)
    raise AssertionError(family)


def weight_sparse(s: Sizes, **changes: Any) -> WeightSparseConfig:
    """Another place for AbsTopK, other positions and another bigram table for every seed."""
    places = ({}, NODE_SITES, STREAM_SITES, NODE_SITES[::2], NODE_SITES[::3], NODE_SITES)
    positions = ("none", "added", "concatenated", "sinusoidal")[s.seed % 4]
    settings = {
        "hidden_size": s.heads * 3,
        "num_hidden_layers": s.layers,
        "num_attention_heads": s.heads,
        "head_dim": s.head_dim,
        "intermediate_size": s.d_mlp,
        "max_position_embeddings": 64,
        "kept_share": dict.fromkeys(places[(s.seed + 1) % 6], 0.6),
        "activation": ("gelu", "relu")[s.seed % 2],
        "norm": ("rms", "layer")[s.seed % 3 == 2],
        "norm_eps": 0.1,
        "bias": s.bias,
        "stream_activation": ("identity", "relu")[s.seed % 5 == 4],
        "sinks": s.seed % 3 != 1,
        "bigrams": ("learned", "counted", "none")[s.seed % 3],
        "logits_bias": s.seed % 2 == 1,
        "positions": positions,
        "position_channels": 3 if positions in ("concatenated", "sinusoidal") else 0,
    }
    return WeightSparseConfig(**(settings | changes))


def tiny_hf(family: str, sizes: Sizes | None = None) -> Any:
    """A random Hugging Face model; norms and biases too are far from their defaults."""
    sizes = sizes or Sizes()
    model = transformers.AutoModelForCausalLM.from_config(config_of(family, sizes))
    generator = torch.Generator().manual_seed(sizes.seed)
    with torch.no_grad():
        for p in model.parameters():
            noise = torch.randn(p.shape, generator=generator)
            if p.dim() == 1:
                p.copy_(0.3 * noise + (1 if bool((p == 1).all()) else 0))
            else:  # vectors keep their length, so that rounding is not blown up by a later norm
                p.copy_(0.25 * noise if len(p) == VOCAB else 0.7 * noise / p.shape[1] ** 0.5)
    return model.eval()


def tiny(family: str, sizes: Sizes | None = None) -> Model:
    return Model(tiny_hf(family, sizes), name=f"tiny-{family}")


def random_tokens(rows: int, length: int, seed: int = 0) -> Tokens:
    generator = torch.Generator().manual_seed(seed)
    return Tokens(torch.randint(3, VOCAB, (rows, length), generator=generator))


def random_circuit(model: Model, spec: str, *, share: float = 0.6, seed: int = 0) -> Circuit:
    universe = Universe.of(model.shape, spec)
    draw = torch.rand(universe.size, generator=torch.Generator().manual_seed(seed))
    return Circuit(universe, draw < share)


def static_replacement(
    model: Model, circuit: Circuit, kind: str, positions: Positions = "all"
) -> Zero | Mean:
    """Zero, or means over some random tokens."""
    if kind == "zero":
        return Zero(positions=positions)
    where = list(circuit.universe.expand(circuit.kept))
    batches = [random_tokens(4, 7, seed=5), random_tokens(2, 5, seed=6)]
    return Mean.over(model, batches, where, reference="random tokens", positions=positions)


def gap(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).detach().abs().max())
