"""From cut layers to a model in which every layer has its own sizes."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from ..models import (
    Family,
    Fused,
    Linear,
    Model,
    layers_of,
    named_gate_up,
    named_qkv,
    named_tensors,
    sliced_class,
)
from ._cut import AttentionCut, LayerCut, MlpCut, Overwritten, select_heads
from ._heads import HeadLayout, cheapest
from ._pin import Pins


def build(
    model: Model,
    cuts: list[LayerCut],
    outside: Mapping[str, Tensor],
    pins: Pins | None,
    *,
    untied: bool,
) -> nn.Module:
    """Assemble the extracted model.

    Args:
        model: the model that was cut.
        cuts: one per layer.
        outside: the weights that lie in no layer: embeddings, final norm, unembedding.
        pins: what the first position holds, if it is exempt.
        untied: the embedding was edited, so that the unembedding can no longer share it.
    """
    plan = _Plan(model)
    for index, cut in enumerate(cuts):
        plan.add_layer(index, cut)
    plan.place_caches(cuts)
    if pins is not None:
        plan.pin(pins)
    state = {**outside, **plan.state}
    config = plan.config(untied)
    with torch.device("meta"):
        small = sliced_class(plan.family.name)(config)
    odd = small.load_state_dict(state, assign=True, strict=False).unexpected_keys
    if not untied:
        small.tie_weights()
    materialise(small, model.hf)
    left = [name for name, tensor in small.state_dict().items() if tensor.is_meta]
    if odd or left:
        raise AssertionError(f"extraction put {odd[:3]} nowhere and gave {left[:3]} no value")
    small.generation_config = copy.deepcopy(model.hf.generation_config)
    return small.eval().requires_grad_(False)


def _where(kind: type) -> str:
    """A class of Tapeout's, as a config names it: by the file that lies in the folder."""
    return f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}"


def materialise(small: Any, original: Any) -> None:
    """Give buffers that no checkpoint holds (rotary frequencies) the original's values."""
    for name, buffer in list(small.named_buffers()):
        if buffer.is_meta:
            path, _, last = name.rpartition(".")
            small.get_submodule(path)._buffers[last] = original.get_buffer(name).clone()


class _Plan:
    """Collects, layer by layer, the weights and what `modeling_tapeout` needs to build them."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.family: Family = model.anatomy.family
        self.layers = layers_of(model.hf, self.family)
        self.state: dict[str, Tensor] = {}
        self.per_layer: dict[int, dict[str, Any]] = {}
        self.heads: dict[int, HeadLayout] = {}
        self.config_plan: dict[str, Any] = {
            "schema_version": 1,
            "first_tokens": [],
            "pinned": [],
            "linear": {},
            "select": {},
            "overwrite": [],
            "overwrite_width": {},
            "parameters": {},
            "constant": {},
            "identity": [],
            "attributes": {},
            "layer_config": {},
        }

    def add_layer(self, index: int, cut: LayerCut) -> None:
        self.per_layer[index] = {}
        self._keep_rest(index, cut)
        if isinstance(cut.attention, AttentionCut):
            self._attention(index, cut.attention)
        else:
            self._constant(index, cut.attention, attention=True)
        if isinstance(cut.mlp, MlpCut):
            self._mlp(index, cut.mlp)
        else:
            self._constant(index, cut.mlp, attention=False)

    def _path(self, index: int, relative: str) -> str:
        return f"{self.family.layers}.{index}.{relative}"

    def _keep_rest(self, index: int, cut: LayerCut) -> None:
        """Norms of the blocks that are still there go over as they are."""
        family = self.family
        gone: list[str] = []
        for block, left in ((family.attn, cut.attention), (family.mlp, cut.mlp)):
            gone += block.modules if isinstance(left, Tensor) else ()
        projections = {family.out, family.down, *family.gate_up}
        projections |= {family.qkv.path} if isinstance(family.qkv, Fused) else {*family.qkv}
        for name, tensor in self.layers[index].state_dict().items():
            path = name.rpartition(".")[0]
            if path in projections or any((name + ".").startswith(g + ".") for g in gone):
                continue
            self.state[self._path(index, name)] = tensor.clone()

    def _attention(self, index: int, cut: AttentionCut) -> None:
        family, heads = self.family, cheapest(cut.kept, cut.group)
        head_dim = self.model.shape.head_dim
        self.heads[index] = heads
        columns = heads.channels("query", head_dim).to(self.model.device)
        if cut.behind is None:
            for path, linear in self._qkv(cut.qkv, heads):
                self._linear(index, path, linear)
        else:
            self._compete(index, cut.qkv, cut.behind, columns)
        self._linear(index, family.out, cut.out.take(None, columns))
        for name in family.per_head:
            self._per_head(index, name, list(heads.query))
        self._overwrite(index, family.attn.write, cut.overwritten)
        if family.whole_qk_norm:
            self._select(index, heads)
        self._head_counts(index, heads)

    def _compete(
        self, index: int, qkv: list[Linear], fixed: list[Overwritten | None], channels: Tensor
    ) -> None:
        """Queries, keys and values of all heads up to AbsTopK, of some behind it."""
        family = self.family
        for path, linear in named_qkv(qkv, family, self.model.shape.head_dim):
            self._linear(index, path, linear)
        for path, drop in zip(family.behind_qkv or (), fixed, strict=True):
            self._select_behind(index, path, channels)
            self._overwrite(index, path, drop.take(channels) if drop else None, len(channels))

    def _select_behind(self, index: int, relative: str, channels: Tensor) -> None:
        path = self._path(index, relative)
        self.config_plan["select"][path] = len(channels)
        self.state[f"{path}.channels"] = channels.clamp(min=0)  # what is empty is not read

    def _per_head(self, index: int, relative: str, heads: list[int]) -> None:
        path = self._path(index, relative)
        if path in self.state:
            self.config_plan["parameters"][path] = [len(heads)]
            self.state[path] = self.state[path][heads]

    def _qkv(self, parts: list[Linear], heads: HeadLayout) -> list[tuple[str, Linear]]:
        """Query, key and value of these heads, with the paths of the modules they go into."""
        family, head_dim = self.family, self.model.shape.head_dim
        chosen = select_heads(parts, heads, head_dim, family.whole_qk_norm)
        return named_qkv(chosen, family, head_dim)

    def _head_counts(self, index: int, heads: HeadLayout) -> None:
        """Tell the attention module, and the config, how many heads there are now."""
        family, head_dim = self.family, self.model.shape.head_dim
        block = self.layers[index].get_submodule(family.attn.path)
        query, key_value = len(heads.query), len(heads.key_value)
        sizes = {
            "num_heads": query,
            "num_key_value_heads": key_value,
            "num_key_value_groups": heads.groups,
            "split_size": query * head_dim,
        }
        there = {name: value for name, value in sizes.items() if hasattr(block, name)}
        self.config_plan["attributes"][self._path(index, family.attn.path)] = there
        self.per_layer[index][family.heads_key] = query
        if family.kv_heads_key:
            self.per_layer[index][family.kv_heads_key] = key_value
        if isinstance(family.qkv, Fused):  # such code reads head counts from the config it holds
            self.config_plan["layer_config"][self._path(index, family.attn.path)] = index

    def _select(self, index: int, heads: HeadLayout) -> None:
        for name, which in (("q_norm", "query"), ("k_norm", "key_value")):
            path = self._path(index, f"{self.family.attn.path}.{name}")
            channels = heads.channels(which, self.model.shape.head_dim).clamp(min=0)
            self.config_plan["select"][path] = len(channels)
            self.state[f"{path}.channels"] = channels.to(self.model.device)
            self.state[f"{path}.norm.weight"] = self.state.pop(f"{path}.weight")

    def _mlp(self, index: int, cut: MlpCut) -> None:
        for path, linear in named_gate_up(cut.gate_up, self.family):
            self._linear(index, path, linear)
        if cut.behind is not None:
            self._select_behind(index, str(self.family.behind_gate_up), cut.behind)
        self._linear(index, self.family.down, cut.down)
        self._overwrite(index, self.family.mlp.write, cut.overwritten)
        self.per_layer[index][self.family.width_key] = cut.down.weight.shape[1]

    def _linear(self, index: int, relative: str, linear: Linear) -> None:
        path = self._path(index, relative)
        module = self.layers[index].get_submodule(relative)
        d_out, d_in = linear.weight.shape
        self.config_plan["linear"][path] = [d_in, d_out, linear.bias is not None]
        self.state |= named_tensors(path, linear, isinstance(module, Conv1D))

    def _overwrite(
        self, index: int, relative: str | None, what: Overwritten | None, width: int | None = None
    ) -> None:
        if what is None or relative is None:
            return
        path = self._path(index, relative)
        self.config_plan["overwrite"].append(path)
        if width is not None:
            self.config_plan["overwrite_width"][path] = width
        for name in [name for name in self.state if name.startswith(path + ".")]:
            self.state[f"{path}.inner{name[len(path) :]}"] = self.state.pop(name)
        self.state |= {f"{path}.keep": what.keep, f"{path}.value": what.value}

    def _constant(self, index: int, value: Tensor, *, attention: bool) -> None:
        block = self.family.attn if attention else self.family.mlp
        path = self._path(index, block.path)
        self.config_plan["constant"][path] = attention
        there = {name for name, _ in self.layers[index].named_modules()}
        others = [name for name in block.modules if name != block.path and name in there]
        self.config_plan["identity"] += [self._path(index, name) for name in others]
        self.state[f"{path}.value"] = value
        skipped = "attention" if attention else "mlp"
        self.per_layer[index].setdefault("skip", []).append(skipped)

    def place_caches(self, cuts: list[LayerCut]) -> None:
        """Give the remaining attention blocks the first cache slots of their kind.

        transformers asks slot 0 how many tokens were seen, so a first layer without attention
        must not hold it; and the slots of sliding and of full attention differ.
        """
        config = self.model.hf.config
        kinds = getattr(config, "layer_types", None) or ["full_attention"] * len(cuts)
        slots: dict[str, list[int]] = {}
        for slot, kind in enumerate(kinds):
            slots.setdefault(kind, []).append(slot)
        for index, cut in enumerate(cuts):
            if isinstance(cut.attention, AttentionCut):
                path = self._path(index, self.family.attn.path)
                slot = slots[kinds[index]].pop(0)
                self.config_plan["attributes"][path]["layer_idx"] = slot

    def pin(self, pins: Pins) -> None:
        """Keep the first position's streams, and its queries, keys, values where those changed."""
        tables = dict(pins.streams)
        for index, parts in pins.qkv.items():
            as_linear = [Linear(part.T, None) for part in parts]
            for path, linear in self._pinned(index, as_linear):
                tables[self._path(index, path)] = linear.weight.T.contiguous()
        self.config_plan["first_tokens"] = pins.tokens
        for place, (path, table) in enumerate(tables.items()):
            self.config_plan["pinned"].append([path, table.shape[1]])
            self.state[f"first.{place}"] = table

    def _pinned(self, index: int, qkv: list[Linear]) -> list[tuple[str, Linear]]:
        """First queries, keys and values, and the modules that they come out of."""
        family, heads = self.family, self.heads[index]
        if family.behind_qkv is None:
            return self._qkv(qkv, heads)
        columns = heads.channels("query", self.model.shape.head_dim).to(self.model.device)
        chosen = [linear.take(columns) for linear in qkv]
        return list(zip(family.behind_qkv, chosen, strict=True))

    def config(self, untied: bool) -> Any:
        config = copy.deepcopy(self.model.hf.config)
        family = self.family
        width = {entry.get(family.width_key) for entry in self.per_layer.values()} - {None}
        heads = {entry.get(family.heads_key) for entry in self.per_layer.values()} - {None}
        config.head_dim = self.model.shape.head_dim
        unchanged = width <= {self.model.shape.width(0, "mlp.post_act")}
        if unchanged and heads <= {self.model.shape.heads(0)}:
            # no layer has another size, only other weights: stock code must still not load it
            setattr(config, family.width_key, 1)
        config.allow_global_per_layer_attribute_access = True
        config.per_layer_config = self.per_layer
        config.tapeout = self.config_plan
        kind = sliced_class(family.name)
        config.architectures = [kind.__name__]
        config.auto_map = {"AutoModelForCausalLM": _where(kind)}
        if not type(config).__module__.startswith("transformers."):
            config.auto_map["AutoConfig"] = _where(type(config))
        if untied:
            config.tie_word_embeddings = False
        return config
