"""Scores of edges, and circuits of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..errors import CircuitError
from ..models import Fingerprint, Model
from ..notebook import shown
from ._edge_universe import EdgeUniverse
from ._fit import check_fit


@dataclass(frozen=True, eq=False)
class EdgeCircuit:
    """The kept edges of a model; set algebra as for circuits of nodes.

    Attributes:
        universe: the model's edges.
        kept: shape [edges].
        fingerprint: the model that it was found in.
        origin: task, method and its config; plain JSON values.
    """

    universe: EdgeUniverse
    kept: Bool[Tensor, " edges"]
    fingerprint: Fingerprint | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)

    @property
    def active(self) -> Bool[Tensor, " edges"]:
        """The kept edges that lie on a path from the embedding to the logits."""
        return self.universe.active(self.kept)

    @property
    def size(self) -> int:
        """Number of active edges."""
        return int(self.active.sum())

    @property
    def share(self) -> float:
        return self.size / self.universe.size

    @property
    def heads(self) -> int:
        """Attention heads that write along an active edge."""
        writers = self.universe.table(self.active).any(dim=1)
        names = zip(self.universe.writers, writers.tolist(), strict=True)
        return sum(used for name, used in names if name.startswith("a"))

    def by_part(self) -> dict[str, tuple[int, int]]:
        """`edges` and `heads` -> (kept, total)."""
        total = sum(name.startswith("a") for name in self.universe.writers)
        return {"edges": (self.size, self.universe.size), "heads": (self.heads, total)}

    def _repr_html_(self) -> str:
        parts = [(part, f"{kept:,}", f"{n:,}") for part, (kept, n) in self.by_part().items()]
        model = f" of {self.fingerprint.name}" if self.fingerprint else ""
        return shown(f"A circuit{model}", ("", "kept", "of"), parts)

    def with_origin(self, **entries: Any) -> "EdgeCircuit":
        """The same circuit with more entries in its origin."""
        return replace(self, origin={**self.origin, **entries})

    def save(self, folder: str | Path) -> None:
        """Write `edge_circuit_config.json` and `edge_circuit.safetensors`.

        Raises:
            CircuitError: the folder cannot be written.
        """
        from ._edge_files import save_edges

        save_edges(self, folder)

    def check(self, model: Model, *, transfer: bool = False) -> None:
        """Refuse a model that the circuit does not fit.

        Raises:
            CircuitError: its shape is another, or its weights are and `transfer` is not set.
        """
        check_fit(self.universe.shape, self.fingerprint, model, transfer)

    def __or__(self, other: "EdgeCircuit") -> "EdgeCircuit":
        return self._with(self.kept | self._same(other).kept)

    def __and__(self, other: "EdgeCircuit") -> "EdgeCircuit":
        return self._with(self.kept & self._same(other).kept)

    def __sub__(self, other: "EdgeCircuit") -> "EdgeCircuit":
        return self._with(self.kept & ~self._same(other).kept)

    def __invert__(self) -> "EdgeCircuit":
        return self._with(~self.kept)

    def _with(self, kept: Tensor) -> "EdgeCircuit":
        return EdgeCircuit(self.universe, kept, self.fingerprint)

    def _same(self, other: "EdgeCircuit") -> "EdgeCircuit":
        if other.universe != self.universe:
            raise CircuitError("the two circuits are of different models' edges")
        return other


@dataclass(frozen=True, eq=False)
class EdgeScores:
    """A number for every edge; the higher, the more the task needs it.

    Attributes:
        universe: the model's edges.
        values: shape [edges], float32.
        fingerprint: the model they were computed in.
        origin: task, method, its config; plain JSON values.
    """

    universe: EdgeUniverse
    values: Float[Tensor, " edges"]
    fingerprint: Fingerprint | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not torch.isfinite(self.values).all():
            raise CircuitError("scores hold NaN or infinite values: check the model and the task")

    def with_origin(self, **entries: Any) -> "EdgeScores":
        """The same scores with more entries in their origin."""
        return replace(self, origin={**self.origin, **entries})

    def save(self, folder: str | Path) -> None:
        """Write `edge_scores_config.json` and `edge_scores.safetensors`.

        Raises:
            CircuitError: the folder cannot be written.
        """
        from ._edge_files import save_edges

        save_edges(self, folder)

    def positive(self) -> EdgeCircuit:
        """The circuit of the edges with a score above 0: those that a learned mask keeps."""
        return EdgeCircuit(self.universe, self.values > 0, self.fingerprint, self.origin)

    def top(
        self, k: int | None = None, *, share: float | None = None, absolute: bool = False
    ) -> EdgeCircuit:
        """The circuit of the highest-scored edges.

        Args:
            k: how many edges to keep.
            share: or which share of them, from 0 to 1.
            absolute: rank by the score's absolute value.

        Raises:
            CircuitError: neither or both are given, or the number is out of range.
        """
        if (k is None) == (share is None):
            raise CircuitError("pass either k, a number of edges, or share, a part of them")
        count = k if k is not None else round((share or 0.0) * self.universe.size)
        if not 0 <= count <= self.universe.size:
            raise CircuitError(f"{count} is not between 0 and {self.universe.size} edges")
        ranked = self.values.abs() if absolute else self.values
        order = torch.sort(ranked, descending=True, stable=True).indices
        kept = torch.zeros(self.universe.size, dtype=torch.bool)
        kept[order[:count]] = True
        return EdgeCircuit(self.universe, kept, self.fingerprint, self.origin)
