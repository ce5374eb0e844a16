"""Scores: how much each node of a universe matters to a task, by some method."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import CircuitError
from ..models import Fingerprint
from ._circuit import Circuit
from ._universe import Universe


@dataclass(frozen=True, eq=False)
class Scores:
    """A number for every node; the higher, the more the task needs it.

    Attributes:
        universe: the nodes in play.
        values: shape [nodes], float32.
        fingerprint: the model they were computed in.
        origin: task, method, its config, number of examples; plain JSON values.
    """

    universe: Universe
    values: Float[Tensor, " nodes"]
    fingerprint: Fingerprint | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.values.shape != (self.universe.size,):
            raise CircuitError(
                f"scores of {self.universe.spec} need {self.universe.size} values, not "
                f"{tuple(self.values.shape)}"
            )
        if not torch.isfinite(self.values).all():
            raise CircuitError("scores hold NaN or infinite values: check the model and the task")

    def top(self, k: int | None = None, *, share: float | None = None) -> Circuit:
        """The circuit of the highest-scored nodes.

        With several parts in the universe (heads beside channels), whose scores are not of one
        scale, the same share of every part is kept; `k` counts nodes over all parts.

        Args:
            k: how many nodes to keep.
            share: or which share of them, from 0 to 1.

        Raises:
            CircuitError: neither or both are given, or the number is out of range.
        """
        if (k is None) == (share is None):
            raise CircuitError("pass either k, a number of nodes, or share, a part of them")
        if k is not None and not 0 <= k <= self.universe.size:
            raise CircuitError(f"k={k} is not between 0 and {self.universe.size} nodes")
        if share is not None and not 0 <= share <= 1:
            raise CircuitError(f"share={share} is not between 0 and 1")
        wanted = k / self.universe.size if k is not None else share
        kept = torch.zeros(self.universe.size, dtype=torch.bool)
        parts = self._parts()
        counts = _apportion([len(nodes) for nodes in parts], wanted or 0.0, k)
        for nodes, count in zip(parts, counts, strict=True):
            # ties go to the lower number, so that a circuit is the same on every machine
            order = torch.sort(self.values[nodes], descending=True, stable=True).indices
            kept[nodes[order[:count]]] = True
        origin = {**self.origin, "selection": {"k": int(kept.sum()), "share": wanted}}
        return Circuit(self.universe, kept, self.fingerprint, origin)

    def with_origin(self, **entries: Any) -> "Scores":
        """The same scores with more entries in their origin."""
        return replace(self, origin={**self.origin, **entries})

    def _parts(self) -> list[Tensor]:
        return [
            torch.cat(
                [
                    torch.arange(group.start, group.start + group.count)
                    for group in self.universe.groups
                    if (group.site, group.granularity) == part
                ]
            )
            for part in self.universe.parts
        ]

    def __repr__(self) -> str:
        method = self.origin.get("method", "scores")
        return f"Scores({method}, {self.universe.size:,} nodes of {self.universe.spec})"

    def save(self, folder: str | Path) -> None:
        """Write `scores_config.json` and `scores.safetensors`.

        Raises:
            CircuitError: the folder cannot be written.
        """
        from ._files import save_scores

        save_scores(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> "Scores":
        """Read what `save` wrote.

        Raises:
            CircuitError: there are no scores there, they are damaged, or of a newer schema.
        """
        from ._files import load_scores

        return load_scores(Path(folder))


def _apportion(sizes: list[int], share: float, k: int | None) -> list[int]:
    """The same share of every part; what rounding leaves goes to the largest remainders."""
    exact = [size * share for size in sizes]
    total = k if k is not None else round(sum(exact))
    counts = [math.floor(value + 1e-9) for value in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda i: counts[i] - exact[i])
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    return counts
