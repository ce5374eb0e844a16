"""The nodes and edges that a circuit's file numbers, told from its config alone."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.bool_]

_WRITES = ("attn.resid_delta", "mlp.resid_delta")
_HEADS = ("attn.q", "attn.k", "attn.v", "attn.z")
_BLOCK_ABOVE: dict[str, str] = {
    **dict.fromkeys(_HEADS, "attn.resid_delta"),
    "mlp.post_act": "mlp.resid_delta",
}
_NODE = re.compile(r"(\d+)\.([\w.]+)\.(block|head(\d+)|(\d+))")


@dataclass(frozen=True)
class Group:
    """The nodes of one (layer, site, granularity), numbered from `start`."""

    layer: int
    site: str
    granularity: str
    start: int
    count: int

    @property
    def nodes(self) -> slice:
        return slice(self.start, self.start + self.count)


@dataclass(frozen=True)
class Nodes:
    """A universe of nodes."""

    spec: str
    groups: tuple[Group, ...]

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Nodes":
        """From what a file's config says of its universe.

        Raises:
            KeyError, TypeError, ValueError: it says something else.
        """
        shape, spec = config["shape"], str(config["spec"])
        groups: list[Group] = []
        start = 0
        for part in filter(None, re.split(r"[,+\s]+", spec)):
            site, _, granularity = part.partition(":")
            for layer in range(len(shape["widths"]["mlp.post_act"])):
                count = _count(shape, layer, site, granularity)
                if count:
                    groups.append(Group(layer, site, granularity, start, count))
                    start += count
        return cls(spec, tuple(groups))

    @property
    def size(self) -> int:
        return self.groups[-1].nodes.stop if self.groups else 0

    def active(self, kept: Flags) -> Flags:
        """The kept nodes whose head, block and layer, if in play, are kept too."""
        by_place = {(g.layer, g.site, g.granularity): g for g in self.groups}
        active = kept.copy()
        for group in self.groups:
            for site, granularity in _above(group):
                above = by_place.get((group.layer, site, granularity))
                if above is not None:
                    wide = np.repeat(kept[above.nodes], group.count // above.count)
                    active[group.nodes] &= wide
        return active

    def number(self, name: str) -> int | None:
        """A node's number; None if there is no such node."""
        match = _NODE.fullmatch(name)
        if match is None:
            return None
        layer, site, last, head, channel = match.groups()
        granularity = "block" if last == "block" else "head" if head else "channel"
        index = int(head or channel or 0)
        for group in self.groups:
            here = (str(group.layer), group.site, group.granularity)
            if here == (layer, site, granularity) and index < group.count:
                return group.start + index
        return None


def _count(shape: Mapping[str, Any], layer: int, site: str, granularity: str) -> int:
    sites = _WRITES if site == "layer" else (site,)
    width = next((w for own in sites if (w := int(shape["widths"][own][layer]))), 0)
    if granularity == "channel":
        return width
    if granularity == "block":
        return 1 if width else 0
    return width // int(shape["head_dim"])


def _above(group: Group) -> Iterator[tuple[str, str]]:
    if group.granularity == "channel" and group.site in _HEADS:
        yield group.site, "head"
    if group.granularity != "block":
        yield group.site, "block"
    if group.site in _BLOCK_ABOVE:
        yield _BLOCK_ABOVE[group.site], "block"
    if group.site not in ("layer", "embed"):
        yield "layer", "block"


@dataclass(frozen=True)
class Edges:
    """A universe of edges between writers and readers of the residual stream.

    Attributes:
        writers: their names.
        readers: their names, and how many writers come before each.
        owners: for each reader the writers that it feeds.
    """

    writers: tuple[str, ...]
    readers: tuple[tuple[str, int], ...]
    owners: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Edges":
        """From what a file's config says of its universe.

        Raises:
            KeyError, TypeError, ValueError: it says something else.
        """
        shape, parallel = config["shape"], bool(config["parallel"])
        widths, unit = shape["widths"], int(shape["head_dim"])
        writers = ["input"]
        readers: list[tuple[str, int]] = []
        owners: list[tuple[int, ...]] = []
        for layer in range(len(widths["mlp.post_act"])):
            before = len(writers)
            heads = int(widths["attn.z"][layer]) // unit
            for kind in "qkv":
                count = int(widths[f"attn.{kind}"][layer]) // unit
                for head in range(count):
                    each = heads // count
                    readers.append((f"a{layer}.h{head}<{kind}>", before))
                    owners.append(tuple(before + head * each + i for i in range(each)))
            writers += [f"a{layer}.h{head}" for head in range(heads)]
            if int(widths["mlp.resid_delta"][layer]):
                readers.append((f"m{layer}", before if parallel else len(writers)))
                owners.append((len(writers),))
                writers.append(f"m{layer}")
        readers.append(("logits", len(writers)))
        owners.append(())
        return cls(tuple(writers), tuple(readers), tuple(owners))

    @property
    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Writer and reader of every edge."""
        counts = np.array([upstream for _, upstream in self.readers])
        reader = np.repeat(np.arange(len(counts)), counts)
        return np.concatenate([np.arange(count) for count in counts]), reader

    def active(self, kept: Flags) -> Flags:
        """The kept edges on a path from the embedding to the logits."""
        writer, reader = self.places
        table = np.zeros((len(self.writers), len(self.readers)), dtype=bool)
        table[writer, reader] = kept
        feeds: list[list[int]] = [[] for _ in self.writers]
        for place, own in enumerate(self.owners):
            for number in own:
                feeds[number].append(place)
        reached = np.zeros(len(self.writers), dtype=bool)
        reached[0] = True
        for number in range(1, len(self.writers)):
            reached[number] = table[reached][:, feeds[number]].any()
        needed = np.zeros(len(self.readers), dtype=bool)
        needed[-1] = True
        used = np.zeros(len(self.writers), dtype=bool)
        for number in reversed(range(len(self.writers))):
            used[number] = table[number, needed].any()
            if used[number]:
                needed[feeds[number]] = True
        return (table & (reached & used)[:, None] & needed[None])[writer, reader]
