"""Gradients on disk: a file for every batch, read back a few samples at a time."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import DecomposeError
from ._directions import Directions, Ranks, Shapes
from ._gradients import ExplicitGradients, Gradients
from ._parts import Outer, Written, part_of
from ._structured import StructuredGradients

SCHEMA_VERSION = 1
CONFIG = "gradients_config.json"
FILES_OPEN = 32
BLOCK = 256
"""Samples that are in memory at a time where all are gone through."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Store:
    """A folder of gradients.

    Attributes:
        folder: where it is.
        about: what the gradients are of; a folder belongs to one such thing.
        counts: samples in every batch.
    """

    folder: Path
    about: Mapping[str, Any]
    counts: Sequence[int]

    @classmethod
    def create(cls, folder: Path, about: Mapping[str, Any], counts: Sequence[int]) -> Store:
        """Begin a folder, or go on with one that was begun with the same.

        Raises:
            DecomposeError: the folder holds gradients of something else, or cannot be written.
        """
        about = json.loads(json.dumps(about))
        if (folder / CONFIG).is_file():
            old = cls.open(folder)
            if old.about != about or list(old.counts) != list(counts):
                raise DecomposeError(
                    f"{folder} holds gradients of another model, other data or other settings: "
                    "use another folder"
                )
            return old
        config = {"schema_version": SCHEMA_VERSION, "about": about, "counts": list(counts)}
        partial = folder / f".{CONFIG}.partial"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
            os.replace(partial, folder / CONFIG)
        except OSError as error:
            raise DecomposeError(f"cannot write gradients to {folder}: {error}") from error
        return cls(folder=folder, about=about, counts=counts)

    @classmethod
    def open(cls, folder: Path) -> Store:
        """A folder that was begun.

        Raises:
            DecomposeError: there is none, it is damaged, or of a newer schema.
        """
        try:
            config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            if (version := config["schema_version"]) > SCHEMA_VERSION:
                raise DecomposeError(
                    f"{folder} has schema {version}, newer than {SCHEMA_VERSION}: update Tapeout"
                )
            return cls(folder=folder, about=config["about"], counts=config["counts"])
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise DecomposeError(f"{folder} holds no gradients: {error}") from error

    def missing(self) -> list[int]:
        """Batches that are not there yet."""
        return [batch for batch in range(len(self.counts)) if not self._path(batch).is_file()]

    @property
    def path(self) -> str:
        """How the batches that are there were made: `structured`, or `general`."""
        there = set(range(len(self.counts))) - set(self.missing())
        every = [part for own in self.read(min(there)).parts.values() for part in own]
        return "structured" if any(isinstance(part, Outer) for part in every) else "general"

    def write(self, batch: int, found: ExplicitGradients | StructuredGradients) -> None:
        """Write a batch, whole or not at all.

        Raises:
            DecomposeError: it cannot be written.
        """
        if isinstance(found, ExplicitGradients):
            found = StructuredGradients({n: (Written(v),) for n, v in found.values.items()})
        tensors = {
            f"{name}|{place}|{kind}": tensor.cpu().contiguous()
            for name, parts in found.parts.items()
            for place, part in enumerate(parts)
            for kind, tensor in part.tensors().items()
        }
        heights = {
            name: [part.height if isinstance(part, Outer) else 0 for part in parts]
            for name, parts in found.parts.items()
        }
        path = self._path(batch)
        partial = path.with_name(f".{path.name}.partial")
        try:
            save_file(tensors, partial, metadata={"heights": json.dumps(heights)})
            os.replace(partial, path)
        except (OSError, SafetensorError) as error:
            raise DecomposeError(f"cannot write gradients to {path}: {error}") from error

    def read(self, batch: int) -> StructuredGradients:
        """A batch whose numbers stay on disk until they are used.

        Raises:
            DecomposeError: it is not there, or damaged.
        """
        path = self._path(batch)
        try:
            with safe_open(path, framework="pt") as file:
                heights: dict[str, list[int]] = json.loads(file.metadata()["heights"])
                found: dict[tuple[str, int], dict[str, Tensor]] = {}
                for key in file.keys():  # noqa: SIM118
                    name, place, kind = key.rsplit("|", 2)
                    found.setdefault((name, int(place)), {})[kind] = file.get_tensor(key)
            return StructuredGradients(
                {
                    name: tuple(
                        part_of(found[name, place], height) for place, height in enumerate(each)
                    )
                    for name, each in heights.items()
                }
            )
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise DecomposeError(f"{path} is damaged: {error}. Delete it, and go on") from error

    def _path(self, batch: int) -> Path:
        return self.folder / f"{batch:06d}.safetensors"


class StoredGradients:
    """Gradients in a folder, for sets of samples that memory does not hold.

    Only what is asked for is read: a batch of `rows` at once and then no more, all samples
    block by block.
    """

    def __init__(self, store: Store, index: Tensor, scales: Tensor | None = None) -> None:
        self._store, self._index = store, index
        self._scales = torch.ones(len(index)) if scales is None else scales
        self._ends = torch.tensor(store.counts).cumsum(0)
        self._read: Callable[[int], StructuredGradients] = lru_cache(FILES_OPEN)(store.read)

    @classmethod
    def load(cls, folder: Path | str) -> StoredGradients:
        """The gradients that `collect` wrote into a folder.

        Raises:
            DecomposeError: there are none, or not all of them yet.
        """
        store = Store.open(Path(folder))
        if missing := store.missing():
            raise DecomposeError(
                f"{folder} lacks {len(missing)} of {len(store.counts)} batches: collect once more "
                "with the same settings to go on"
            )
        return cls(store, torch.arange(sum(store.counts)))

    @property
    def about(self) -> Mapping[str, Any]:
        """The settings, and hashes of model and data."""
        return self._store.about

    @property
    def shapes(self) -> Shapes:
        return self._read(0).shapes

    def __len__(self) -> int:
        return len(self._index)

    def rows(self, index: Int[Tensor, " chosen"]) -> StoredGradients:
        return self._with(self._index[index], self._scales[index])

    def scaled(self, scales: Float[Tensor, " batch"]) -> StoredGradients:
        return self._with(self._index, self._scales * scales)

    def _with(self, index: Tensor, scales: Tensor) -> StoredGradients:
        found = StoredGradients(self._store, index, scales)
        found._read = self._read  # one set of open files for all
        return found

    def contract(self, directions: Directions) -> Float[Tensor, "batch count"]:
        return torch.cat([block.contract(directions) for block in self.blocks()])

    def squared_norms(self) -> Float[Tensor, " batch"]:
        return torch.cat([block.squared_norms() for block in self.blocks()])

    def products(self, other: Gradients) -> Float[Tensor, "batch others"]:
        return torch.cat([_across(block, other) for block in self.blocks()])

    def approximated(self, ranks: Ranks) -> Directions:
        return Directions.cat([block.approximated(ranks) for block in self.blocks()])

    def dense(self) -> dict[str, Tensor]:
        return self.loaded().dense()

    def blocks(self) -> Iterator[StructuredGradients]:
        """The samples in order, some at a time."""
        if len(self) <= BLOCK:
            yield self._whole
            return
        for block in torch.arange(len(self)).split(BLOCK):
            yield self.rows(block).loaded()

    def loaded(self) -> StructuredGradients:
        """The samples in memory."""
        batches = torch.searchsorted(self._ends, self._index, right=True)
        order = batches.argsort(stable=True)
        parts = []
        for batch in batches.unique().tolist():
            start = int(self._ends[batch]) - self._store.counts[batch]
            own = self._index[order][batches[order] == batch]
            parts.append(self._read(batch).rows(own - start))
        return StructuredGradients.cat(parts).rows(order.argsort()).scaled(self._scales)

    @cached_property
    def _whole(self) -> StructuredGradients:
        return self.loaded()


def _across(block: StructuredGradients, other: Gradients) -> Tensor:
    if isinstance(other, StoredGradients):
        return torch.cat([block.products(theirs) for theirs in other.blocks()], 1)
    return block.products(other)


def hashed(tensors: Mapping[str, Tensor]) -> str:
    """A hash of named tensors."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        plain = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)
        digest.update(plain.numpy().data)
    return digest.hexdigest()[:32]
