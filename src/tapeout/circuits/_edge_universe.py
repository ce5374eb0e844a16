"""Every edge between what writes into the residual stream and what reads from it, numbered."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

from ..errors import CircuitError
from ..models import FAMILIES, ModelShape


@dataclass(frozen=True)
class Reader:
    """What reads the residual stream in one place.

    Attributes:
        layer: its layer; the number of layers for the logits.
        kind: `q`, `k` or `v` (one reader a head), `mlp` or `logits`.
        count: how many readers: heads, or 1.
        start: the number of the first.
        upstream: how many writers come before it: writers 0 to `upstream`.
    """

    layer: int
    kind: str
    count: int
    start: int
    upstream: int

    @property
    def numbers(self) -> slice:
        return slice(self.start, self.start + self.count)


@dataclass(frozen=True)
class EdgeUniverse:
    """Writers are the embedding, every head and every MLP; readers are the query, key and value
    of every head, every MLP, and the logits.

    Writers are numbered in the order in which they write, so that what comes before a reader is
    the first of them. Under grouped-query attention a key or value reader is one of a key/value
    head. Edges are numbered reader by reader, within a reader writer by writer.

    Attributes:
        shape: the model's shape.
        parallel: attention and MLP of a layer read the same stream (some GPT-NeoX models).
    """

    shape: ModelShape
    parallel: bool = False

    @staticmethod
    def exists(shape: ModelShape) -> bool:
        """Whether a family's heads write one by one: no norm or AbsTopK follows their sum."""
        family = FAMILIES[shape.family]
        return not (family.attn.write or family.mlp.write)

    def __post_init__(self) -> None:
        if not self.exists(self.shape):
            raise CircuitError(
                f"in {self.shape.family} a norm or AbsTopK follows what an attention block writes, "
                "so its heads do not write one by one and have no edges of their own: use nodes"
            )

    @cached_property
    def writers(self) -> tuple[str, ...]:
        """Names: `input`, `a3.h2`, `m3`."""
        names = ["input"]
        for layer in range(self.shape.n_layers):
            names += [f"a{layer}.h{head}" for head in range(self.shape.heads(layer))]
            names += [f"m{layer}"] if self.shape.width(layer, "mlp.resid_delta") else []
        return tuple(names)

    @cached_property
    def readers(self) -> tuple[Reader, ...]:
        """In the order in which they read."""
        found: list[Reader] = []
        writers, start = 1, 0

        def add(layer: int, kind: str, count: int, upstream: int) -> None:
            nonlocal start
            if count:
                found.append(Reader(layer, kind, count, start, upstream))
                start += count

        for layer in range(self.shape.n_layers):
            before, heads = writers, self.shape.heads(layer)
            for kind in ("q", "k", "v"):
                add(layer, kind, self.shape.heads(layer, f"attn.{kind}"), before)
            mlp = 1 if self.shape.width(layer, "mlp.resid_delta") else 0
            add(layer, "mlp", mlp, before if self.parallel else before + heads)
            writers += heads + mlp
        add(self.shape.n_layers, "logits", 1, writers)
        return tuple(found)

    @property
    def n_readers(self) -> int:
        return self.readers[-1].numbers.stop

    @cached_property
    def places(self) -> Int[Tensor, "edges 2"]:
        """Writer and reader of every edge."""
        rows = []
        for reader in self.readers:
            for number in range(reader.start, reader.start + reader.count):
                writer = torch.arange(reader.upstream)
                rows.append(torch.stack([writer, torch.full_like(writer, number)], dim=1))
        return torch.cat(rows)

    @property
    def size(self) -> int:
        return len(self.places)

    def table(self, edges: Shaped[Tensor, " edges"]) -> Shaped[Tensor, "writers readers"]:
        """Values of edges as a table; 0 where there is no edge. Differentiable."""
        table = edges.new_zeros(len(self.writers), self.n_readers)
        return table.index_put((self.places[:, 0], self.places[:, 1]), edges)

    def of_table(self, table: Shaped[Tensor, "writers readers"]) -> Shaped[Tensor, " edges"]:
        """The inverse of `table`."""
        return table[self.places[:, 0], self.places[:, 1]]

    @cached_property
    def reader_names(self) -> tuple[str, ...]:
        """Names: `a3.h2<q>`, `m3`, `logits`."""
        names = []
        for reader in self.readers:
            if reader.kind in ("q", "k", "v"):
                names += [f"a{reader.layer}.h{head}<{reader.kind}>" for head in range(reader.count)]
            else:
                names.append("logits" if reader.kind == "logits" else f"m{reader.layer}")
        return tuple(names)

    def name(self, edge: int) -> str:
        """Such as `a1.h2->a3.h0<k>`."""
        writer, reader = self.places[edge].tolist()
        return f"{self.writers[writer]}->{self.reader_names[reader]}"

    def edge(self, name: str) -> int:
        """The number of an edge from its name.

        Raises:
            CircuitError: there is no such edge.
        """
        writer, arrow, reader = name.partition("->")
        known = arrow and writer in self._writer_number and reader in self._reader_number
        if known:
            place = self._writer_number[writer], self._reader_number[reader]
            found = (self.places == torch.tensor(place)).all(dim=1).nonzero()
            if len(found):
                return int(found)
        raise CircuitError(f"the model has no edge {name!r}; names are like a1.h2->a3.h0<k>")

    @cached_property
    def _writer_number(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.writers)}

    @cached_property
    def _reader_number(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.reader_names)}

    def active(self, kept: Bool[Tensor, " edges"]) -> Bool[Tensor, " edges"]:
        """The kept edges that lie on a path from the embedding to the logits."""
        table = self.table(kept)
        owners = self._owners()
        reached = torch.zeros(len(self.writers), dtype=torch.bool)
        reached[0] = True
        for writer, readers in enumerate(owners[1:], start=1):
            reached[writer] = bool(table[reached][:, readers].any())
        needed = torch.zeros(self.n_readers, dtype=torch.bool)
        needed[-1] = True
        used = torch.zeros(len(self.writers), dtype=torch.bool)
        for writer in range(len(self.writers) - 1, -1, -1):
            used[writer] = bool(table[writer, needed].any())
            if used[writer] and writer:
                needed[owners[writer]] = True
        return self.of_table(table & (reached & used)[:, None] & needed[None])

    def _owners(self) -> list[list[int]]:
        """For each writer the readers that feed it: its own q, k, v, or its MLP's."""
        by_place = {(reader.layer, reader.kind): reader for reader in self.readers}
        owners: list[list[int]] = []
        for name in self.writers:
            match = re.fullmatch(r"a(\d+)\.h(\d+)|m(\d+)", name)
            if match is None:
                owners.append([])
                continue
            if match[3] is not None:
                owners.append([by_place[int(match[3]), "mlp"].start])
                continue
            layer, head = int(match[1]), int(match[2])
            group = self.shape.heads(layer) // self.shape.heads(layer, "attn.k")
            readers = [by_place[layer, kind].start for kind in ("q", "k", "v")]
            owners.append(
                [readers[0] + head, readers[1] + head // group, readers[2] + head // group]
            )
        return owners

    def to_dict(self) -> dict[str, Any]:
        return {"kind": "edges", "shape": self.shape.to_dict(), "parallel": self.parallel}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "EdgeUniverse":
        return cls(ModelShape.from_dict(data["shape"]), bool(data["parallel"]))
