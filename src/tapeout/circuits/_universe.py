"""Every node that a question is about, numbered."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from jaxtyping import Bool, Shaped
from torch import Tensor

from ..errors import CircuitError, nearest
from ..models import GRANULARITIES, HEAD_SITES, SITES, Granularity, ModelShape, Site

Part = tuple[Site, Granularity]
BLOCK_ABOVE: dict[Site, Site] = {
    "attn.q": "attn.resid_delta",
    "attn.k": "attn.resid_delta",
    "attn.v": "attn.resid_delta",
    "attn.z": "attn.resid_delta",
    "mlp.post_act": "mlp.resid_delta",
}
"""The write that a site's nodes are reached through: without it they do nothing."""

LAYER: Site = "layer"
"""In a universe, a node above both blocks of a layer; it is no site, but gates both writes."""
WRITES: tuple[Site, ...] = ("attn.resid_delta", "mlp.resid_delta")


@dataclass(frozen=True, kw_only=True)
class Group:
    """The nodes of one (layer, site, granularity): `count` of them, `unit` channels each.

    Attributes:
        places: the (layer, site) that they gate: their own, or both writes for a layer's node.
    """

    layer: int
    site: Site
    granularity: Granularity
    start: int
    count: int
    unit: int
    places: tuple[tuple[int, Site], ...]

    @property
    def nodes(self) -> slice:
        return slice(self.start, self.start + self.count)


@dataclass(frozen=True)
class Universe:
    """The nodes in play: one or more (site, granularity) pairs over all layers of a model's shape.

    Nodes are numbered part by part, within a part layer by layer.
    """

    shape: ModelShape
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, shape: ModelShape, spec: "str | Universe") -> "Universe":
        """A universe from words such as `mlp.post_act` or `attn.z:head, mlp.post_act:channel`.

        Without a granularity a site with heads means its heads, any other site its channels.
        `layer` stands for one node a layer, above both its blocks.

        Raises:
            CircuitError: an unknown site or granularity, a repeated part, or heads where there
                are none; or a universe of another model's shape.
        """
        if isinstance(spec, Universe):
            if reason := spec.shape.difference(shape):
                raise CircuitError(f"the universe belongs to another model: {reason}")
            return spec
        parts = [_part(word) for word in re.split(r"[,+\s]+", spec.strip()) if word]
        if not parts:
            raise CircuitError("a universe needs at least one site, such as mlp.post_act")
        if len(set(parts)) < len(parts):
            raise CircuitError(f"a site is named twice in {spec!r}")
        universe = cls(shape, tuple(parts))
        if not universe.size:
            raise CircuitError(f"this model has no nodes of {spec!r}")
        return universe

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        groups, start = [], 0
        for site, granularity in self.parts:
            for layer in range(self.shape.n_layers):
                sites = WRITES if site == LAYER else (site,)
                places = tuple((layer, own) for own in sites if self.shape.width(layer, own))
                if not places:
                    continue
                width = self.shape.width(*places[0])
                unit = self.shape.unit(*places[0], granularity)
                count = width // unit
                place = {"layer": layer, "site": site, "granularity": granularity}
                group = Group(**place, start=start, count=count, unit=unit, places=places)
                groups.append(group)
                start += count
        return tuple(groups)

    @cached_property
    def places(self) -> tuple[tuple[int, Site], ...]:
        """Every (layer, site) that some node gates, sorted."""
        return tuple(sorted({place for group in self.groups for place in group.places}))

    @property
    def size(self) -> int:
        return self.groups[-1].nodes.stop if self.groups else 0

    @property
    def spec(self) -> str:
        """The words that `of` reads."""
        return ",".join(f"{site}:{granularity}" for site, granularity in self.parts)

    def name(self, node: int) -> str:
        """A node's name: `11.mlp.post_act.507`, `3.attn.z.head2`, `4.mlp.resid_delta.block`.

        Raises:
            CircuitError: there is no node of that number.
        """
        for group in self.groups:
            if group.start <= node < group.start + group.count:
                index = node - group.start
                last = {"block": "block", "head": f"head{index}", "channel": str(index)}
                return f"{group.layer}.{group.site}.{last[group.granularity]}"
        raise CircuitError(f"no node {node}: the universe has {self.size}")

    def node(self, name: str) -> int:
        """The number of a node from its name.

        Raises:
            CircuitError: no node of this universe has that name.
        """
        match = re.fullmatch(r"(\d+)\.([\w.]+)\.(block|head(\d+)|(\d+))", name)
        if match:
            layer, site, last, head, channel = match.groups()
            granularity = "block" if last == "block" else "head" if head else "channel"
            index = int(head or channel or 0)
            for group in self.groups:
                found = (str(group.layer), group.site, group.granularity)
                if found == (layer, site, granularity) and index < group.count:
                    return group.start + index
        raise CircuitError(f"no node {name!r} in the universe {self.spec}")

    def expand(
        self, nodes: Shaped[Tensor, " nodes"]
    ) -> dict[tuple[int, Site], Shaped[Tensor, " width"]]:
        """One value per channel of every site: the product of the values of the nodes above it.

        Booleans multiply as `and`. Differentiable where `nodes` is.
        """
        gates: dict[tuple[int, Site], Tensor] = {}
        for group in self.groups:
            wide = nodes[group.nodes].repeat_interleave(group.unit)
            for key in group.places:
                gates[key] = gates[key] * wide if key in gates else wide
        return gates

    def active(self, kept: Bool[Tensor, " nodes"]) -> Bool[Tensor, " nodes"]:
        """The kept nodes that can act: head, block and layer above, if in play, are kept too."""
        if len(self.parts) == 1:
            return kept.clone()
        by_place = {(g.layer, g.site, g.granularity): g for g in self.groups}
        active = kept.clone()
        for group in self.groups:
            for site, granularity in _above(group):
                above = by_place.get((group.layer, site, granularity))
                if above is not None:
                    per_node = group.count // above.count
                    active[group.nodes] &= kept[above.nodes].repeat_interleave(per_node)
        return active

    def to_dict(self) -> dict[str, Any]:
        return {"spec": self.spec, "shape": self.shape.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Universe":
        return cls.of(ModelShape.from_dict(data["shape"]), data["spec"])


def _above(group: Group) -> list[Part]:
    above: list[Part] = []
    if group.granularity == "channel" and group.site in HEAD_SITES:
        above.append((group.site, "head"))
    if group.granularity != "block":
        above.append((group.site, "block"))
    if group.site in BLOCK_ABOVE:
        above.append((BLOCK_ABOVE[group.site], "block"))
    if group.site not in (LAYER, "embed"):
        above.append((LAYER, "block"))
    return above


def _part(word: str) -> Part:
    site, _, granularity = word.partition(":")
    if site == LAYER:
        if granularity not in ("", "block"):
            raise CircuitError(f"a layer is one node: write layer, not {word}")
        return LAYER, "block"
    if site not in SITES:
        raise CircuitError(f"unknown site {site!r}: {nearest(site, (*SITES, LAYER))}")
    if not granularity:
        granularity = "head" if site in HEAD_SITES else "channel"
    if granularity not in GRANULARITIES:
        raise CircuitError(
            f"unknown granularity {granularity!r}: {nearest(granularity, GRANULARITIES)}"
        )
    if granularity == "head" and site not in HEAD_SITES:
        raise CircuitError(f"{site} has no heads; use {site}:channel or {site}:block")
    return cast(Part, (site, granularity))
