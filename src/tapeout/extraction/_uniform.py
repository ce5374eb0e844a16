"""An extracted model in which all layers are as wide as the widest: stock transformers loads it."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

from ..errors import InterventionError
from ..interventions import Mean, Where, Zero
from ..models import Family, Fused, Model, in_features, layers_of
from ._cut import AttentionCut, Fill, LayerCut, MlpCut, cut_layer, outside_layers, select_heads
from ._heads import PADDING, HeadLayout
from ._linear import Linear, named_tensors, read_gate_up, read_qkv


def widen(layout: HeadLayout, groups: int, key_values: int) -> HeadLayout:
    """The same heads with zero heads added: `key_values` heads, each with `groups` query heads."""
    query: list[int] = []
    for place in range(key_values):
        own = layout.query[place * layout.groups : (place + 1) * layout.groups]
        query += [*own, *[PADDING] * (groups - len(own))]
    missing = key_values - len(layout.key_value)
    return HeadLayout(tuple(query), layout.key_value + (PADDING,) * missing)
