"""A weight-sparse transformer: GPT-2's decoder with small heads and AbsTopK wherever a node is.

The architecture is that of "Weight-sparse transformers have interpretable circuits" (section 2.1,
appendix A.1). Modules have the names that the weights of its released models have. Nothing here
makes weights sparse: training does, and a trained model's zeros are in its weights.

This file needs only PyTorch and transformers, and a copy of it lies beside every saved model.
"""

import math
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    DynamicCache,
    GenerationMixin,
    PreTrainedModel,
)
from transformers.modeling_outputs import CausalLMOutputWithPast

from .abs_topk import abs_topk
from .configuration_weight_sparse import WeightSparseConfig
from .modeling_tapeout import Sliced

FILES = (
    "abs_topk.py",
    "configuration_weight_sparse.py",
    "modeling_tapeout.py",
    "modeling_weight_sparse.py",
)
"""What has to lie beside a saved model for transformers to open it where Tapeout is not."""


class AbsTopK(nn.Module):
    """Keep a share of the channels, those of largest magnitude; all heads compete together."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        return abs_topk(x, int(self.share * x.shape[-1]))


class Write(nn.Linear):
    """A projection into the residual stream; its weights start smaller."""


def _top(config: WeightSparseConfig, site: str) -> nn.Module:
    share = config.share(site)
    return AbsTopK(share) if share < 1 else nn.Identity()


def _norm(config: WeightSparseConfig, width: int) -> nn.Module:
    if config.norm == "rms":
        return nn.RMSNorm(width, eps=config.norm_eps)
    return nn.LayerNorm(width, eps=float(config.norm_eps or 0), bias=config.norm_bias)


class Attention(nn.Module):
    """Causal attention, optionally with a sink in every head."""

    def __init__(self, config: WeightSparseConfig, layer: int) -> None:
        super().__init__()
        width = int(config.num_attention_heads or 0) * config.head_dim
        self.layer_idx, self.head_dim, self.dropout = layer, config.head_dim, config.dropout
        self.c_attn = nn.Linear(config.read_channels, 3 * width, bias=config.bias)
        self.q, self.k, self.v = (_top(config, f"attn.{part}") for part in "qkv")
        self.c_proj = Write(width, config.hidden_size, bias=config.bias)
        self.sink = nn.Parameter(torch.zeros(width // self.head_dim)) if config.sinks else None

    def forward(
        self, x: Tensor, visible: Tensor | None, causal: bool, cache: Any
    ) -> tuple[Tensor, None]:
        q, k, v = self.c_attn(x).chunk(3, dim=-1)
        q, k, v = (
            part.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
            for part in (self.q(q), self.k(k), self.v(v))
        )
        if cache is not None:
            k, v = cache.update(k, v, self.layer_idx)
        if self.sink is not None:
            q, k, v = _with_sink(q, k, v, self.sink)
        dropout = self.dropout if self.training else 0.0
        z = F.scaled_dot_product_attention(
            q, k, v, visible, dropout, causal, scale=self.head_dim**-0.5
        )
        z = z[..., : self.head_dim].transpose(1, 2).flatten(2)
        return F.dropout(self.c_proj(z), self.dropout, self.training), None


def _with_sink(q: Tensor, k: Tensor, v: Tensor, sink: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Put a slot before all keys whose logit is the head's sink, and whose value is zero.

    The logit goes through a channel of its own that every query has and no other key: so no mask
    has to carry gradients, and fused kernels do. Those of GPUs want a multiple of 8 channels.
    """
    dim = q.shape[-1]
    logit = (sink * math.sqrt(dim)).to(q.dtype)[:, None, None].expand(*q.shape[:-1], 1)
    slot = F.pad(k.new_ones(1), (dim, 7)).expand(*k.shape[:2], 1, -1)
    q = F.pad(torch.cat([q, logit], dim=-1), (0, 7))
    k = torch.cat([slot, F.pad(k, (0, 8))], dim=2)
    return q, k, F.pad(v, (0, 8, 1, 0))


class Mlp(nn.Module):
    """Two projections with AbsTopK on the neurons between them."""

    def __init__(self, config: WeightSparseConfig) -> None:
        super().__init__()
        neurons = int(config.intermediate_size or 0)
        self.dropout = config.dropout
        self.c_fc = nn.Linear(config.read_channels, neurons, bias=config.bias)
        self.act = nn.GELU() if config.activation == "gelu" else nn.ReLU()
        self.neuron = _top(config, "mlp.post_act")
        self.c_proj = Write(neurons, config.hidden_size, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.c_proj(self.neuron(self.act(self.c_fc(x))))
        return F.dropout(x, self.dropout, self.training)


class Stream(nn.Sequential):
    """What the residual stream passes through after a write: nothing, as a rule."""

    def __init__(self, config: WeightSparseConfig, site: str) -> None:
        relu = [nn.ReLU()] if config.stream_activation == "relu" else []
        top = [_top(config, site)] if config.share(site) < 1 else []
        super().__init__(*relu, *top)


class Block(nn.Module):
    """Attention and MLP, each behind a norm and between two AbsTopK."""

    def __init__(self, config: WeightSparseConfig, layer: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = (_norm(config, config.hidden_size) for _ in range(2))
        if config.position_channels:
            self.ln_p1, self.ln_p2 = (_norm(config, config.position_channels) for _ in range(2))
        self.attn_in = _top(config, "attn.act_in")
        self.attn = Attention(config, layer)
        self.attn_out = _top(config, "attn.resid_delta")
        self.resid_mid = Stream(config, "resid_mid")
        self.mlp_in = _top(config, "mlp.act_in")
        self.mlp = Mlp(config)
        self.mlp_out = _top(config, "mlp.resid_delta")
        self.resid_post = Stream(config, "resid_post")

    def forward(
        self,
        x: Tensor,
        positions: Tensor | None = None,
        visible: Tensor | None = None,
        causal: bool = False,
        cache: Any = None,
    ) -> Tensor:
        read = self.ln_1(x) if positions is None else _beside(self.ln_1(x), self.ln_p1(positions))
        x = x + self.attn_out(self.attn(self.attn_in(read), visible, causal, cache)[0])
        x = self.resid_mid(x)
        read = self.ln_2(x) if positions is None else _beside(self.ln_2(x), self.ln_p2(positions))
        return self.resid_post(x + self.mlp_out(self.mlp(self.mlp_in(read))))


def _beside(x: Tensor, positions: Tensor) -> Tensor:
    return torch.cat([x, positions.expand(len(x), -1, -1)], dim=-1)


def sinusoids(length: int, channels: int) -> Tensor:
    """Sines, then cosines, of periods from 4 to `length` tokens in equal ratios.

    Shape [length, channels]; an odd last channel is 0.
    """
    half = max(channels // 2, 1)
    periods = torch.logspace(math.log10(4), math.log10(max(length, 4)), half)
    angles = torch.arange(length)[:, None] * (2 * math.pi / periods)
    both = torch.cat([angles.sin(), angles.cos()], dim=1)[:, :channels]
    return F.pad(both, (0, channels - both.shape[1]))


class FixedEmbedding(nn.Module):
    """A table that is looked up and never trained."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)

    def forward(self, ids: Tensor) -> Tensor:
        return F.embedding(ids, self.weight)  # pyright: ignore[reportArgumentType]


class WeightSparseForCausalLM(PreTrainedModel, GenerationMixin):
    """The causal language model.

    Weights start as in the released code: N(0, 0.02), writes smaller by the square root of twice
    the number of layers; biases, sinks and the bigram table at 0.
    """

    config: WeightSparseConfig  # pyright: ignore[reportIncompatibleVariableOverride]
    config_class = WeightSparseConfig
    base_model_prefix = ""
    FILES = FILES
    _no_split_modules = ["Block"]  # noqa: RUF012
    _tied_weights_keys = {"lm_head.weight": "transformer.wte.weight"}  # noqa: RUF012

    def __init__(self, config: WeightSparseConfig) -> None:
        super().__init__(config)
        parts: dict[str, nn.Module] = {"wte": nn.Embedding(config.vocab_size, config.hidden_size)}
        length = config.max_position_embeddings
        if config.positions == "added":
            parts["wpe"] = nn.Embedding(length, config.hidden_size)
        elif config.positions == "concatenated":
            parts["read_positions"] = nn.Embedding(length, config.position_channels)
        elif config.positions == "sinusoidal":
            table = sinusoids(length, config.position_channels)
            parts["read_positions"] = FixedEmbedding(table)
        blocks = [Block(config, layer) for layer in range(config.num_hidden_layers)]
        parts |= {"drop": nn.Dropout(config.dropout), "h": nn.ModuleList(blocks)}
        self.transformer = nn.ModuleDict(parts | {"ln_f": _norm(config, config.hidden_size)})
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        table = torch.zeros(config.vocab_size, config.vocab_size)
        if config.bigrams == "learned":
            self.bigram_table = nn.Parameter(table)
        elif config.bigrams == "counted":
            self.register_buffer("bigram_table", table)
        if config.logits_bias:
            self.register_buffer("final_logits_bias", torch.zeros(config.vocab_size))
        self.post_init()

    def get_input_embeddings(self) -> Any:
        return self.transformer["wte"]

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.transformer["wte"] = value

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        spread = self.config.initializer_range
        if isinstance(module, nn.Linear | nn.Embedding):
            small = math.sqrt(2 * self.config.num_hidden_layers) if type(module) is Write else 1
            nn.init.normal_(module.weight, std=spread / small)
        elif isinstance(module, nn.RMSNorm | nn.LayerNorm):
            nn.init.ones_(module.weight)
        for name in ("bias", "sink", "bigram_table", "final_logits_bias"):
            if isinstance(own := getattr(module, name, None), Tensor):
                nn.init.zeros_(own)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        use_cache: bool | None = None,
        output_hidden_states: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        **_: Any,
    ) -> CausalLMOutputWithPast:
        """Next-token logits.

        Args:
            input_ids: shape [batch, pos].
            attention_mask: 1 for tokens, 0 for padding; shape [batch, past + pos].
            position_ids: places of the tokens; by default counted from the cache's end.
            past_key_values: keys and values of what came before; new ones are appended.
            use_cache: start a cache if none is given.
            output_hidden_states: return the stream before every layer, and the last one normed.
            logits_to_keep: at how many last positions, or at which, logits are wanted; 0 for all.

        Raises:
            ValueError: the model has positions, but not for so many tokens.
        """
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=self.config)
        past = past_key_values.get_seq_length() if past_key_values is not None else 0
        x, positions = self._embed(input_ids, position_ids, past)
        visible, causal = self._visible(attention_mask, past, x.shape[1], x.device)
        streams: list[Tensor] = []
        for block in cast(nn.ModuleList, self.transformer["h"]):
            streams += [x] if output_hidden_states else []
            x = block(x, positions, visible, causal, past_key_values)
        x = self.transformer["ln_f"](x)
        chosen = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        return CausalLMOutputWithPast(
            logits=self._logits(x[:, chosen], input_ids[:, chosen]),
            past_key_values=past_key_values,
            hidden_states=(*streams, x) if output_hidden_states else None,
        )

    def _embed(
        self, ids: Tensor, position_ids: Tensor | None, past: int
    ) -> tuple[Tensor, Tensor | None]:
        """Where the stream starts, and the positions that are read beside it."""
        parts, end, most = (
            self.transformer,
            past + ids.shape[1],
            self.config.max_position_embeddings,
        )
        x = parts["wte"](ids)
        if self.config.positions == "none":
            return parts["drop"](x), None
        if end > most:
            raise ValueError(f"{end} tokens are more than the model's {most} positions")
        if position_ids is None:
            position_ids = torch.arange(past, end, device=ids.device)[None]
        if self.config.positions == "added":
            return parts["drop"](x + parts["wpe"](position_ids)), None
        return parts["drop"](x), parts["read_positions"](position_ids)

    def _visible(
        self, mask: Tensor | None, past: int, length: int, device: torch.device
    ) -> tuple[Tensor | None, bool]:
        """Which keys each position sees, as booleans; or none and that attention is causal.

        Padding sees itself, as attention to nothing at all would be NaN.
        """
        padding = None if mask is None or bool(mask.all()) else mask[:, None, None] == 0
        if padding is None and (length == 1 or not (past or self.config.sinks)):
            return None, length > 1
        place = torch.arange(past + length, device=device)
        here = place[past:, None]
        visible = (place <= here)[None, None]
        if padding is not None:
            visible = (visible & ~padding) | (place == here)
        return F.pad(visible, (int(self.config.sinks), 0), value=True), False

    def _logits(self, x: Tensor, ids: Tensor) -> Tensor:
        logits = self.lm_head(x)
        if self.config.bigrams != "none":
            table = cast(Tensor, self.bigram_table)
            logits = F.embedding(ids, table).to(logits.dtype).add_(logits)
        if self.config.logits_bias:
            logits = logits + cast(Tensor, self.final_logits_bias)
        return logits


class SlicedWeightSparseForCausalLM(Sliced, WeightSparseForCausalLM):
    """A weight-sparse transformer that a circuit was cut out of."""

    FILES = FILES


if __package__ == "tapeout.models":  # a copy beside a model is registered by transformers itself
    AutoConfig.register(WeightSparseConfig.model_type, WeightSparseConfig)
    AutoModelForCausalLM.register(WeightSparseConfig, WeightSparseForCausalLM)
