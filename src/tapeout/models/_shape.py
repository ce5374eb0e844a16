"""The sizes of a model's sites: all that a circuit needs to know of a model, and can be saved."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import CircuitError
from ._sites import HEAD_SITES, SITES, Granularity, Site


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """Widths of every site in every layer.

    Attributes:
        family: the architecture (`llama`, `gpt2`, ...).
        head_dim: channels per attention head.
        widths: site -> channels in each layer; 0 where the layer does not have the site.
    """

    family: str
    head_dim: int
    widths: Mapping[Site, tuple[int, ...]]

    @property
    def n_layers(self) -> int:
        return len(self.widths["mlp.post_act"])

    def width(self, layer: int, site: Site) -> int:
        return self.widths[site][layer]

    def heads(self, layer: int, site: Site = "attn.z") -> int:
        """Number of heads of an attention site (`attn.k` and `attn.v` count key/value heads)."""
        return self.widths[site][layer] // self.head_dim

    def unit(self, layer: int, site: Site, granularity: Granularity) -> int:
        """Channels in one node of this granularity; 0 where the layer does not have the site.

        Raises:
            CircuitError: heads asked of a site that has none.
        """
        if granularity == "channel":
            return 1 if self.width(layer, site) else 0
        if granularity == "block":
            return self.width(layer, site)
        if site not in HEAD_SITES:
            raise CircuitError(f"{site} has no heads; use {site}:channel or {site}:block")
        return self.head_dim if self.width(layer, site) else 0

    def difference(self, other: "ModelShape") -> str | None:
        """Why `other` is not of this shape, in words; None if it is."""
        if self.family != other.family:
            return f"the families differ: {self.family} and {other.family}"
        if self.n_layers != other.n_layers:
            return f"the numbers of layers differ: {self.n_layers} and {other.n_layers}"
        if self.head_dim != other.head_dim:
            return f"the head sizes differ: {self.head_dim} and {other.head_dim}"
        for site in SITES:
            for layer, (a, b) in enumerate(zip(self.widths[site], other.widths[site], strict=True)):
                if a != b:
                    return f"{site} of layer {layer} has {a} channels in one and {b} in the other"
        return None

    def to_dict(self) -> dict[str, Any]:
        widths = {site: list(self.widths[site]) for site in SITES}
        return {"family": self.family, "head_dim": self.head_dim, "widths": widths}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "ModelShape":
        widths = {site: tuple(int(w) for w in data["widths"][site]) for site in SITES}
        return cls(family=data["family"], head_dim=int(data["head_dim"]), widths=widths)
