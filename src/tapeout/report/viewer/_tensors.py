"""Directions' tensors from their factors, as small images."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from ...errors import RunError
from .._text import clean
from ._files import read_json
from ._pack import Pack

EDGE = 40
"""Cells along an edge of an image, at most."""

STRONGEST = 4
"""Rows and columns of a tensor that are named, those of the largest norms."""

STEPS = 127

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Factors:
    """Directions as a decomposition's folder holds them.

    Attributes:
        shapes: parameter -> its shape.
        modes: parameter -> a factor for each mode, of shape [count, rank, size].
        activity: the part of the samples that each direction counts in.
    """

    shapes: dict[str, tuple[int, ...]]
    modes: dict[str, tuple[Floats, ...]]
    activity: Floats

    @classmethod
    def read(cls, folder: Path) -> "Factors":
        """What a decomposition left.

        Raises:
            RunError: it is not there or damaged.
        """
        path = folder / "decoder" / "directions.safetensors"
        try:
            with safe_open(path, framework="np") as file:
                head = json.loads(file.metadata()["directions"])
                shapes = {name: tuple(map(int, shape)) for name, shape in head["shapes"].items()}
                modes = {name: tuple(_modes(file, name, shape)) for name, shape in shapes.items()}
            activity = np.asarray(read_json(folder / "decomposition.json")["activity"], float)
            found = cls(shapes, modes, activity)
            if {len(factor) for own in modes.values() for factor in own} != {found.count}:
                raise ValueError("its factors are of several counts")
            return found
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise RunError(f"{path} is damaged: {error}") from error

    @property
    def count(self) -> int:
        return len(self.activity)

    def by_activity(self) -> list[int]:
        """All directions, those first that count in most samples."""
        return np.argsort(-self.activity, kind="stable").tolist()

    def energy(self, name: str) -> Floats:
        """Each direction's squared norm in one tensor."""
        grams = [factor @ factor.transpose(0, 2, 1) for factor in self.modes[name]]
        return np.clip(np.prod(grams, axis=0).sum((1, 2)), 0, None)

    def dense(self, name: str, direction: int) -> Floats:
        """One direction's part of one tensor as a matrix: its first mode by all others."""
        first, *rest = (factor[direction].astype(np.float32) for factor in self.modes[name])
        if not rest:
            return first.sum(0)[None]
        others = rest[0]
        for factor in rest[1:]:
            others = (others[..., None] * factor[:, None]).reshape(len(others), -1)
        return first.T @ others


def _modes(file: Any, name: str, shape: tuple[int, ...]) -> Iterator[Floats]:
    """Raises: ValueError: a factor does not fit the shape."""
    for mode, size in enumerate(shape or (1,)):
        factor = np.asarray(file.get_tensor(f"{name}.{mode}"), float)
        if factor.ndim != 3 or factor.shape[2] != size or not np.isfinite(factor).all():
            raise ValueError(f"{name}.{mode} does not fit a tensor of {list(shape)}")
        yield factor


def pictures(factors: Factors, order: Sequence[int], room: int, pack: Pack) -> dict[str, Any]:
    """Images of the first directions of an order, as many as have room.

    Args:
        factors: the directions.
        order: which come first.
        room: so many cells there may be; one direction is always drawn.
        pack: takes the images.
    """
    cells = {name: _grid(shape) for name, shape in factors.shapes.items()}
    each = sum(rows * columns for rows, columns in cells.values())
    shown = [*order][: max(room // max(each, 1), 1)]
    energy = {name: factors.energy(name) for name in factors.shapes}
    whole = np.maximum(np.sum(list(energy.values()), axis=0), np.finfo(float).tiny)
    tensors = []
    for name, (rows, columns) in cells.items():
        images, tops = [], []
        for direction in shown:
            dense = factors.dense(name, direction)
            images.append(pooled(dense, rows, columns))
            tops.append([_strongest(dense, axis) for axis in (1, 0)])
        largest = np.abs(images).max(axis=(1, 2))
        steps = np.where(largest > 0, largest, 1) / STEPS
        whole_numbers = np.rint(np.asarray(images) / steps[:, None, None]) + STEPS
        height, width = _matrix(factors.shapes[name])
        tensors.append(
            {
                "name": clean(name),
                "shape": list(factors.shapes[name]),
                "rank": factors.modes[name][0].shape[1],
                "grid": [rows, columns],
                "block": [ceil(height / rows), ceil(width / columns)],
                "energy": pack.array(energy[name] / whole, "f4"),
                "step": pack.array(steps, "f4"),
                "images": pack.array(whole_numbers, "u1"),
                "strongest": tops,
            }
        )
    return {"directions": len(shown), "tensors": tensors}


def _matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    return (1, prod(shape)) if len(shape) < 2 else (shape[0], prod(shape[1:]))


def _grid(shape: tuple[int, ...]) -> tuple[int, int]:
    """Cells of an image: as many as entries, or as blocks of one size."""
    height, width = (ceil(size / ceil(size / EDGE)) for size in _matrix(shape))
    return height, width


def pooled(dense: Floats, rows: int, columns: int) -> Floats:
    """Of every block the entry of the largest size, with its sign: a mean would cancel."""
    height, width = (ceil(size / n) for size, n in zip(dense.shape, (rows, columns), strict=True))
    room = ((0, rows * height - dense.shape[0]), (0, columns * width - dense.shape[1]))
    blocks = np.pad(dense, room).reshape(rows, height, columns, width)
    high, low = blocks.max((1, 3)), blocks.min((1, 3))
    return np.where(high >= -low, high, low)


def _strongest(dense: Floats, axis: int) -> list[list[int | float]]:
    """Rows (axis 1) or columns (axis 0) of the largest norms: number and part of the energy."""
    energy = np.square(dense).sum(axis)
    whole = float(energy.sum())
    order = np.argsort(-energy, kind="stable")[:STRONGEST]
    return [[int(place), float(energy[place]) / whole] for place in order if whole > 0]
