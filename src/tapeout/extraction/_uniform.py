"""An extracted model whose layers are all as wide as the widest: stock transformers loads it."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor, nn
from transformers import AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

from ..errors import InterventionError
from ..models import (
    Family,
    Linear,
    Model,
    behind,
    in_features,
    layers_of,
    named_gate_up,
    named_qkv,
    named_tensors,
    out_features,
)
from ._build import materialise
from ._cut import AttentionCut, LayerCut, MlpCut, select_heads
from ._heads import HeadLayout, padded, repeated


def build_uniform(
    model: Model, cuts: list[LayerCut], outside: Mapping[str, Tensor], *, untied: bool
) -> nn.Module:
    """Assemble a model of the original's own class.

    Raises:
        InterventionError: the cut needs something that the stock class does not have, such as a
            bias for the means of dropped channels.
    """
    config = copy.deepcopy(model.hf.config)
    layouts, width = _layouts(model, cuts, config), _width(cuts)
    setattr(config, model.anatomy.family.width_key, width)
    _set_biases(config, cuts)
    if untied:
        config.tie_word_embeddings = False
    with torch.device("meta"):
        small = AutoModelForCausalLM.from_config(config)
    state = dict(outside)
    for index, (cut, layout) in enumerate(zip(cuts, layouts, strict=True)):
        block = layers_of(small, model.anatomy.family)[index]
        filler = _Filler(model, index, block)
        filler.rest()
        filler.attention(cut.attention, layout)
        filler.mlp(cut.mlp, width)
        state |= filler.state
    small.load_state_dict(state, assign=True, strict=False)
    if not untied:
        small.tie_weights()
    materialise(small, model.hf)
    small.generation_config = copy.deepcopy(model.hf.generation_config)
    return small.eval().requires_grad_(False)


def _set_biases(config: Any, cuts: list[LayerCut]) -> None:
    """Ask for biases where the cut needs them and the config can say so."""
    attention = any(_biased(cut.attention) for cut in cuts)
    mlp = any(_biased(cut.mlp) for cut in cuts)
    for flag, needed in (("attention_bias", attention), ("mlp_bias", mlp)):
        if needed and hasattr(config, flag):
            setattr(config, flag, True)


def _biased(cut: AttentionCut | MlpCut | Tensor) -> bool:
    if isinstance(cut, Tensor):
        return bool(cut.any())
    return any(linear.bias is not None for linear in cut.linears)


def _width(cuts: list[LayerCut]) -> int:
    mlps = [cut.mlp for cut in cuts if isinstance(cut.mlp, MlpCut)]
    return max((len(mlp.gate_up[0].weight) for mlp in mlps), default=1)


def _layouts(model: Model, cuts: list[LayerCut], config: Any) -> list[HeadLayout]:
    """One head count for all layers, the cheapest that the config can say; set in `config`."""
    family, shape = model.anatomy.family, model.shape
    blocks = [cut.attention for cut in cuts if isinstance(cut.attention, AttentionCut)]
    query, key_value = shape.heads(0), shape.heads(0, "attn.k")
    full = padded(list(range(query)), query // key_value)
    # where the config has no head size, the number of heads decides it
    if not blocks or family.whole_qk_norm or family.kv_heads_key is None:
        return [full] * len(cuts)
    options = []
    for arrange in (padded, repeated):
        own = [arrange(block.kept, block.group) for block in blocks]
        groups, needed = max(h.groups for h in own), max(len(h.key_value) for h in own)
        for key_values in range(needed, needed + shape.width(0, "embed")):
            if _accepts(config, family, groups * key_values, key_values, shape.head_dim):
                options.append((2 * (groups + 1) * key_values, arrange, groups, key_values))
                break
    _, arrange, groups, key_values = min(options, key=lambda option: option[0])
    _set_heads(config, family, groups * key_values, key_values, shape.head_dim)
    layouts = []
    for cut in cuts:
        own = HeadLayout((), ())
        if isinstance(cut.attention, AttentionCut):
            own = arrange(cut.attention.kept, cut.attention.group)
        layouts.append(own.widen(groups, key_values))
    return layouts


def _set_heads(config: Any, family: Family, query: int, key_value: int, head_dim: int) -> None:
    config.head_dim = head_dim
    setattr(config, family.heads_key, query)
    setattr(config, str(family.kv_heads_key), key_value)


def _accepts(config: Any, family: Family, query: int, key_value: int, head_dim: int) -> bool:
    trial = copy.deepcopy(config)
    _set_heads(trial, family, query, key_value, head_dim)
    try:
        trial.validate()
    except (
        ValueError,
        StrictDataclassError,
    ):  # such as Llama's rule that the model's width divides by its heads
        return False
    return True


class _Filler:
    """Weights of one layer, padded to the stock module's sizes."""

    def __init__(self, model: Model, index: int, stock: nn.Module) -> None:
        self.model, self.family = model, model.anatomy.family
        self.original, self.stock = layers_of(model.hf, self.family)[index], stock
        self.prefix = f"{self.family.layers}.{index}"
        self.state: dict[str, Tensor] = {}

    def rest(self) -> None:
        """Norms, which every layer keeps."""
        for name, tensor in self.original.state_dict().items():
            self.state[f"{self.prefix}.{name}"] = tensor.clone()

    def attention(self, cut: AttentionCut | Tensor, layout: HeadLayout) -> None:
        family, shape = self.family, self.model.shape
        if isinstance(cut, Tensor):
            self._constant(family.out, cut, behind(self.original, family.attn.write))
            return
        self._refuse_overwritten(cut.overwritten)
        chosen = select_heads(cut.qkv, layout, shape.head_dim, family.whole_qk_norm)
        for path, linear in named_qkv(chosen, family, shape.head_dim):
            self._put(path, linear)
        for drop in cut.behind or ():
            self._refuse_overwritten(drop)
        columns = layout.channels("query", shape.head_dim).to(self.model.device)
        self._put(family.out, cut.out.take(None, columns))

    def mlp(self, cut: MlpCut | Tensor, width: int) -> None:
        family = self.family
        if isinstance(cut, Tensor):
            self._constant(family.down, cut, behind(self.original, family.mlp.write))
            return
        self._refuse_overwritten(cut.overwritten)
        own = torch.arange(width, device=self.model.device)
        own = torch.where(own < len(cut.gate_up[0].weight), own, -1)
        for path, linear in named_gate_up([part.take(own) for part in cut.gate_up], family):
            self._put(path, linear)
        if cut.behind is not None:  # all channels compete, so those that are not read stay too
            there = cut.behind >= 0
            places = torch.arange(len(there), device=own.device)[there]
            own = torch.full_like(own, -1).index_copy(0, cut.behind[there], places)
        self._put(family.down, cut.down.take(None, own))

    def _constant(self, path: str, value: Tensor, write: nn.Module | None) -> None:
        """A block that is gone: a projection of zeros, with the constant as its bias."""
        with torch.no_grad():
            if write is not None and not torch.equal(write(value), value):
                raise InterventionError(_NO_BIAS.format(family=self.family.name, path=_END))
        module = self.stock.get_submodule(path)
        zeros = value.new_zeros(out_features(module), in_features(module))
        self._put(path, Linear(zeros, value))
        block = self.family.attn if path == self.family.out else self.family.mlp
        for name, module in self.stock.named_modules():
            if name.startswith(block.path + ".") and name != path and hasattr(module, "weight"):
                for kind, tensor in module.named_parameters(recurse=False):
                    self.state[f"{self.prefix}.{name}.{kind}"] = value.new_zeros(tensor.shape)

    def _refuse_overwritten(self, overwritten: object) -> None:
        if overwritten is not None:
            raise InterventionError(_NO_BIAS.format(family=self.family.name, path=_END))

    def _put(self, path: str, linear: Linear) -> None:
        module = self.stock.get_submodule(path)
        if linear.bias is not None and module.bias is None:
            if bool(linear.bias.any()):
                raise InterventionError(_NO_BIAS.format(family=self.family.name, path=path))
            linear = Linear(linear.weight, None)
        elif linear.bias is None and module.bias is not None:
            linear = Linear(linear.weight, linear.bias_or_zeros())
        tensors = named_tensors(path, linear, isinstance(module, Conv1D))
        self.state |= {f"{self.prefix}.{name}": tensor for name, tensor in tensors.items()}


_END = "the end of its blocks"
_NO_BIAS = (
    "stock {family} has no bias at {path}, which the means of dropped nodes need: use zero "
    "replacement, or layout='per_layer'"
)
