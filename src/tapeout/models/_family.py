"""How a model family lays out its layers: the vocabulary in which `families/` is written."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Fused:
    """Query, key and value in one projection.

    Attributes:
        path: the projection, relative to the layer.
        order: `blocks` if all queries come first, then all keys, then all values (GPT-2, Phi-3);
            `heads` if each head has its query, key and value side by side (GPT-NeoX).
    """

    path: str
    order: Literal["blocks", "heads"]


@dataclass(frozen=True)
class Block:
    """An attention or MLP block.

    Attributes:
        path: the module that reads the residual stream.
        norm: the norm that only feeds this block, and goes with it.
        write: the module whose output is added to the stream, if a norm follows the projection.
    """

    path: str
    norm: str | None = None
    write: str | None = None


@dataclass(frozen=True, kw_only=True)
class Family:
    """Where the sites of one architecture are.

    Paths of `layers`, `embed`, `embed_tables` and `final_norm` start at the causal LM; all others
    start at a layer.

    Attributes:
        name: `config.model_type`.
        layers: the list of layers.
        embed: the module whose output starts the residual stream.
        embed_tables: the tables that are summed into it; an edited embedding edits these.
        attn, mlp: the two blocks.
        qkv: three projections, or one fused.
        out: the output projection; its input is `attn.z`.
        gate_up: the projections whose rows are MLP channels.
        gate_up_parts: how many such projections one fused module holds.
        down: the projection that reads MLP channels.
        whole_qk_norm: query and key are normalised across all heads together (OLMo-2).
        width_key, heads_key, kv_heads_key: the config's names for the sizes of a layer.
    """

    name: str
    layers: str
    embed: str
    embed_tables: tuple[str, ...]
    final_norm: str
    attn: Block
    qkv: tuple[str, str, str] | Fused
    out: str
    mlp: Block
    gate_up: tuple[str, ...]
    gate_up_parts: int = 1
    down: str
    whole_qk_norm: bool = False
    width_key: str = "intermediate_size"
    heads_key: str = "num_attention_heads"
    kv_heads_key: str | None = "num_key_value_heads"


def llama_like(name: str, **changes: object) -> Family:
    """A family whose layers are laid out as Llama's, but for `changes`."""
    layout: dict[str, object] = {
        "layers": "model.layers",
        "embed": "model.embed_tokens",
        "embed_tables": ("model.embed_tokens",),
        "final_norm": "model.norm",
        "attn": Block("self_attn", norm="input_layernorm"),
        "qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        "out": "self_attn.o_proj",
        "mlp": Block("mlp", norm="post_attention_layernorm"),
        "gate_up": ("mlp.gate_proj", "mlp.up_proj"),
        "down": "mlp.down_proj",
    }
    return Family(name=name, **(layout | changes))  # pyright: ignore[reportArgumentType]
