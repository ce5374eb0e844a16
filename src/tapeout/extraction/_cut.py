"""One layer of a model with everything outside a circuit removed, as plain matrices."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ..interventions import Mean, Where, Zero
from ..models import Linear, Model, Site, behind, read_gate_up, read_linear, read_qkv
from ._heads import HeadLayout


@dataclass
class Overwritten:
    """Channels of a site that are fixed behind what follows the projection: a norm, or AbsTopK."""

    keep: Float[Tensor, " width"]
    value: Float[Tensor, " width"]

    def take(self, channels: Int[Tensor, " chosen"]) -> "Overwritten":
        """The same for these channels only."""
        return Overwritten(self.keep[channels], self.value[channels])


@dataclass
class AttentionCut:
    """An attention block after all edits, with every head still in its place.

    Attributes:
        kept: the query heads that anything reads.
        group: query heads per key/value head.
        behind: drops of queries, keys and values, where all their channels compete (AbsTopK), so
            that nothing is cut before it; None where the projections themselves are edited.
        reads_changed: keys or values are computed differently than in the original.
    """

    qkv: list[Linear]
    out: Linear
    kept: list[int]
    group: int
    behind: list[Overwritten | None] | None
    overwritten: Overwritten | None
    reads_changed: bool

    @property
    def linears(self) -> list[Linear]:
        return [*self.qkv, self.out]


@dataclass
class MlpCut:
    """An MLP block after all edits.

    Attributes:
        behind: the channels that `down` reads, where all compete, so that `gate_up` has them all;
            None where it has only these.
    """

    gate_up: list[Linear]
    down: Linear
    behind: Int[Tensor, " kept"] | None
    overwritten: Overwritten | None

    @property
    def linears(self) -> list[Linear]:
        return [*self.gate_up, self.down]


@dataclass
class LayerCut:
    """What is left of a layer; a block that is a tensor has become that constant."""

    attention: AttentionCut | Tensor
    mlp: MlpCut | Tensor

    @property
    def reads_changed(self) -> bool:
        """Keys or values are computed differently, so an exempt first position needs its own."""
        return isinstance(self.attention, AttentionCut) and self.attention.reads_changed


class Fill:
    """What dropped channels are given, site by site."""

    def __init__(
        self, model: Model, gates: Mapping[Where, Tensor], replacement: Zero | Mean
    ) -> None:
        self._model, self._gates, self._replacement = model, gates, replacement

    def of(
        self, layer: int, site: Site
    ) -> tuple[Bool[Tensor, " width"], Float[Tensor, " width"]] | None:
        """Which channels are dropped and what they are given; None if none is dropped."""
        gate = self._gates.get((layer, site))
        if gate is None or bool(gate.all()):
            return None
        value = torch.zeros(len(gate))
        if isinstance(self._replacement, Mean):
            value = self._replacement.at((layer, site))
        return ~gate.to(self._model.device), value.to(self._model.device)


def cut_layer(
    model: Model, layer: int, block: nn.Module, fill: Fill, multiple: int = 1
) -> LayerCut:
    """Carry out all drops in one layer; see `extract` for `multiple`."""
    return LayerCut(
        attention=_cut_attention(model, layer, block, fill),
        mlp=_cut_mlp(model, layer, block, fill, multiple),
    )


def _cut_attention(model: Model, layer: int, block: nn.Module, fill: Fill) -> AttentionCut | Tensor:
    family, head_dim = model.anatomy.family, model.shape.head_dim
    sites: tuple[Site, ...] = ("attn.q", "attn.k", "attn.v")
    qkv = read_qkv(block, family, [model.tap(layer, site) for site in sites])
    out = read_linear(block.get_submodule(family.out))
    compete = any(behind(block, path) for path in family.behind_qkv or ())
    fixed: list[Overwritten | None] = []
    for site, linear in zip(sites, qkv, strict=True):
        if drop := fill.of(layer, "attn.act_in"):
            linear.fix_inputs(*drop)
        drop = fill.of(layer, site)
        fixed.append(_overwritten(linear, drop) if drop and compete else None)
        if drop and not compete:
            linear.fix_outputs(*drop)
    heads = range(model.shape.heads(layer, "attn.z"))
    kept = list(heads)
    if drop := fill.of(layer, "attn.z"):
        out.fix_inputs(*drop)
        whole = drop[0].view(len(heads), head_dim).all(dim=1)
        kept = [head for head in heads if not bool(whole[head])]
    norm = behind(block, family.attn.write)
    overwritten = _write(out, norm, fill.of(layer, "attn.resid_delta"))
    if not kept or (overwritten is not None and not bool(overwritten.keep.any())):
        return _constant(out, norm, overwritten)
    return AttentionCut(
        qkv=qkv,
        out=out,
        kept=kept,
        group=len(heads) // model.shape.heads(layer, "attn.k"),
        behind=fixed if compete else None,
        overwritten=overwritten if norm is not None else None,
        reads_changed=any(fill.of(layer, s) for s in ("attn.act_in", "attn.k", "attn.v")),
    )


def select_heads(
    qkv: list[Linear], heads: HeadLayout, head_dim: int, whole_qk_norm: bool
) -> list[Linear]:
    """Query, key and value of the chosen heads, in their new order."""
    query, key, value = qkv
    q_rows = heads.channels("query", head_dim).to(query.weight.device)
    kv_rows = heads.channels("key_value", head_dim).to(query.weight.device)
    if whole_qk_norm:  # the norm needs all of query and key; heads are chosen behind it
        return [query, key, value.take(kv_rows)]
    return [query.take(q_rows), key.take(kv_rows), value.take(kv_rows)]


def _cut_mlp(
    model: Model, layer: int, block: nn.Module, fill: Fill, multiple: int
) -> MlpCut | Tensor:
    family = model.anatomy.family
    gate_up, down = read_gate_up(block, family), read_linear(block.get_submodule(family.down))
    if drop := fill.of(layer, "mlp.act_in"):
        for linear in gate_up:
            linear.fix_inputs(*drop)
    kept = None
    if drop := fill.of(layer, "mlp.post_act"):
        down.fix_inputs(*drop)
        kept = (~drop[0]).nonzero()[:, 0]
    norm = behind(block, family.mlp.write)
    overwritten = _write(down, norm, fill.of(layer, "mlp.resid_delta"))
    nothing = overwritten is not None and not bool(overwritten.keep.any())
    if nothing or (kept is not None and not len(kept)):
        return _constant(down, norm, overwritten)
    if kept is not None:
        kept = _round_up(kept, multiple, most=down.weight.shape[1])
        down = down.take(None, kept)
        if not behind(block, family.behind_gate_up):
            gate_up, kept = [linear.take(kept) for linear in gate_up], None
    return MlpCut(gate_up, down, kept, overwritten if norm is not None else None)


def _round_up(kept: Tensor, multiple: int, most: int) -> Tensor:
    """The kept channels and as many empty ones (-1) as make their number a multiple.

    Matrix products of odd widths are slower; few channels are left as they are, because there the
    empty ones would cost more.
    """
    padding = min(-len(kept) % multiple, most - len(kept))
    if len(kept) < 8 * multiple:
        return kept
    return torch.cat([kept, kept.new_full((padding,), -1)])


def _write(
    linear: Linear, norm: nn.Module | None, drop: tuple[Tensor, Tensor] | None
) -> Overwritten | None:
    """Fix channels of a block's write: in the projection itself, if no norm follows it."""
    if drop is None:
        return None
    fixed, value = drop
    if norm is None:
        linear.fix_outputs(fixed, value)
    return _overwritten(linear, drop)


def _overwritten(linear: Linear, drop: tuple[Tensor, Tensor]) -> Overwritten:
    fixed, value = drop
    return Overwritten((~fixed).to(linear.weight), (value * fixed).to(linear.weight))


def _constant(linear: Linear, norm: nn.Module | None, overwritten: Overwritten | None) -> Tensor:
    """What a block writes once its last projection has no input left."""
    value = linear.bias_or_zeros()
    with torch.no_grad():
        if norm is not None:
            value = norm(value)
        if overwritten is not None:
            value = value * overwritten.keep + overwritten.value
    return value
