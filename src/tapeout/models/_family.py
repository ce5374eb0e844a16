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
        feeds: further modules, where a model has them, that only feed this block.
        write: the module whose output is added to the stream, if something follows the projection:
            a norm, or AbsTopK.
    """

    path: str
    norm: str | None = None
    feeds: tuple[str, ...] = ()
    write: str | None = None

    @property
    def modules(self) -> tuple[str, ...]:
        """All that goes when the block goes."""
        own = (self.path, self.norm, *self.feeds, self.write)
        return tuple(path for path in own if path)


@dataclass(frozen=True, kw_only=True)
class Family:
    """Where the sites of one architecture are.

    Paths of `layers`, `embed`, `embed_tables` and `final_norm` start at the causal LM; all others
    start at a layer.

    Attributes:
        name: `config.model_type`.
        layers: the list of layers.
        embed: the module whose output starts the residual stream.
        embed_tables: the tables that are summed into it, of those that a model has; an edited
            embedding edits these.
        attn, mlp: the two blocks.
        qkv: three projections, or one fused.
        behind_qkv: modules between those and the sites, in which all channels of a site have a
            part (AbsTopK), so that a cut keeps them all up to there; a model with such modules has
            a key/value head for every query head. `nn.Identity` where a model does without.
        out: the output projection; its input is `attn.z`.
        per_head: parameters with one entry for every query head, of those that a model has.
        gate_up: the projections whose rows are MLP channels.
        gate_up_parts: how many such projections one fused module holds.
        behind_gate_up: as `behind_qkv`, for MLP channels.
        down: the projection that reads MLP channels.
        stream: modules that the residual stream itself passes through within a layer.
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
    behind_qkv: tuple[str, str, str] | None = None
    out: str
    per_head: tuple[str, ...] = ()
    mlp: Block
    gate_up: tuple[str, ...]
    gate_up_parts: int = 1
    behind_gate_up: str | None = None
    down: str
    stream: tuple[str, ...] = ()
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
