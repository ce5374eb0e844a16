"""Models: a handle on any supported causal language model, with named sites."""

from ._aliases import ALIASES, alias_folder, cache_folder
from ._anatomy import behind, head_dim_of, in_features, layers_of, out_features
from ._family import Block, Family, Fused
from ._linear import (
    Linear,
    named_gate_up,
    named_qkv,
    named_tensors,
    qkv_rows,
    read_gate_up,
    read_linear,
    read_qkv,
)
from ._load import load
from ._model import Fingerprint, Model
from ._prefix import Prefix
from ._quiet import quiet
from ._released import write as write_released
from ._shape import ModelShape
from ._sites import GRANULARITIES, HEAD_SITES, SITES, Granularity, Site
from ._stem import Stem
from ._taps import Tap, Watch, attached
from ._tokens import Tokens
from .families import FAMILIES
from .modeling_tapeout import Sliced, first_positions, seen_tokens, sliced_class

__all__ = [
    "ALIASES",
    "FAMILIES",
    "GRANULARITIES",
    "HEAD_SITES",
    "SITES",
    "Block",
    "Family",
    "Fingerprint",
    "Fused",
    "Granularity",
    "Linear",
    "Model",
    "ModelShape",
    "Prefix",
    "Site",
    "Sliced",
    "Stem",
    "Tap",
    "Tokens",
    "Watch",
    "alias_folder",
    "attached",
    "behind",
    "cache_folder",
    "first_positions",
    "head_dim_of",
    "in_features",
    "layers_of",
    "load",
    "named_gate_up",
    "named_qkv",
    "named_tensors",
    "out_features",
    "qkv_rows",
    "quiet",
    "read_gate_up",
    "read_linear",
    "read_qkv",
    "seen_tokens",
    "sliced_class",
    "write_released",
]
