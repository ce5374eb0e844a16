"""The configuration of a weight-sparse transformer. This file needs only transformers."""

from typing import Any, no_type_check

from transformers import PreTrainedConfig

NODE_SITES = (
    "attn.act_in",
    "attn.q",
    "attn.k",
    "attn.v",
    "attn.resid_delta",
    "mlp.act_in",
    "mlp.post_act",
    "mlp.resid_delta",
)
"""Where the paper puts AbsTopK, and where its nodes are (figure 12 and appendix A.5)."""

STREAM_SITES = ("resid_mid", "resid_post")
"""The residual stream itself, after what attention and what the MLP added."""

CHOICES = {
    "activation": ("gelu", "relu"),
    "norm": ("rms", "layer"),
    "stream_activation": ("identity", "relu"),
    "bigrams": ("none", "learned", "counted"),
    "positions": ("none", "added", "concatenated", "sinusoidal"),
}


@no_type_check  # transformers gives it an __init__ that takes more than the fields
class WeightSparseConfig(PreTrainedConfig):
    """Sizes and settings; the defaults are those of most of the paper's experiments (A.1).

    Attributes:
        num_attention_heads: by default as many as fill `hidden_size`.
        intermediate_size: MLP channels; by default four times `hidden_size`.
        max_position_embeddings: the longest sequence that the model was made for; a limit only
            where there are positions.
        kept_share: the share of channels that AbsTopK keeps, `int(share * width)` of them: one
            number for all of `NODE_SITES`, or a number per site; 1, or a site that is left out,
            for no AbsTopK. `STREAM_SITES` can be named too.
        activation: `gelu` or `relu`.
        norm: `rms` or `layer`; `norm_bias` is for `layer` only.
        norm_eps: by default float32's machine epsilon (`rms`) or 1e-5 (`layer`).
        bias: whether the projections have biases.
        stream_activation: what the residual stream passes through after every write.
        sinks: a learned logit per head that attention can go to without reading anything.
        bigrams: a table that the current token picks a row of, which is added to the logits:
            `learned` with all else, or `counted` beforehand and frozen.
        logits_bias: whether a frozen vector is added to the logits.
        positions: `none`; `added` to the embeddings; or, as channels that are read and never
            written, `concatenated` behind what every block reads, learned or (`sinusoidal`) fixed.
        position_channels: how many channels are concatenated.
        dropout: of embeddings, attention and writes.

    Raises:
        ValueError: a setting is not one of these, or two contradict each other.
    """

    model_type = "weight_sparse"
    keys_to_ignore_at_inference = ["past_key_values"]  # noqa: RUF012

    vocab_size: int = 2048
    hidden_size: int = 2048
    num_hidden_layers: int = 8
    head_dim: int = 16
    num_attention_heads: int | None = None
    intermediate_size: int | None = None
    max_position_embeddings: int = 256
    kept_share: float | dict[str, float] = 0.25
    activation: str = "gelu"
    norm: str = "rms"
    norm_eps: float | None = None
    norm_bias: bool = True
    bias: bool = True
    stream_activation: str = "identity"
    sinks: bool = False
    bigrams: str = "learned"
    logits_bias: bool = False
    positions: str = "none"
    position_channels: int = 0
    dropout: float = 0.0
    initializer_range: float = 0.02
    tie_word_embeddings: bool = False
    bos_token_id: int | None = None
    eos_token_id: int | None = None
    pad_token_id: int | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        if self.num_attention_heads is None:
            self.num_attention_heads = max(self.hidden_size // self.head_dim, 1)
        if self.intermediate_size is None:
            self.intermediate_size = 4 * self.hidden_size
        if self.norm_eps is None:
            self.norm_eps = 2.0**-23 if self.norm == "rms" else 1e-5
        own = "configuration_weight_sparse.WeightSparseConfig"
        model = "modeling_weight_sparse.WeightSparseForCausalLM"
        kwargs.setdefault("auto_map", {"AutoConfig": own, "AutoModelForCausalLM": model})
        super().__post_init__(**kwargs)
        self._check()

    def share(self, site: str) -> float:
        """The share of a site's channels that is kept; 1 where there is no AbsTopK."""
        if isinstance(self.kept_share, dict):
            return float(self.kept_share.get(site, 1.0))
        return float(self.kept_share) if site in NODE_SITES else 1.0

    @property
    def read_channels(self) -> int:
        """Channels that every block reads: those of the stream, and concatenated positions."""
        return self.hidden_size + self.position_channels

    def _check(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}: choose from {known}")
        shares = self.kept_share if isinstance(self.kept_share, dict) else {"": self.kept_share}
        for site, share in shares.items():
            if site and site not in NODE_SITES + STREAM_SITES:
                raise ValueError(
                    f"kept_share names {site!r}: choose from {NODE_SITES + STREAM_SITES}"
                )
            if not 0 <= share <= 1:
                raise ValueError(f"kept_share is {share}: give a number from 0 to 1")
        concatenated = self.positions in ("concatenated", "sinusoidal")
        if concatenated != (self.position_channels > 0):
            raise ValueError(
                f"positions={self.positions!r} with position_channels={self.position_channels}: "
                "channels are for concatenated and sinusoidal positions, and needed there"
            )
