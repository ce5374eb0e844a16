"""Scores: how much each node of a universe matters to a task, by some method."""

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

        Nodes of all parts (heads beside channels) are ranked together: scores estimate one
        effect. Ties go to the lower number, so that a circuit is the same on every machine.

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
        count = k if k is not None else round((share or 0.0) * self.universe.size)
        kept = torch.zeros(self.universe.size, dtype=torch.bool)
        order = torch.sort(self.values, descending=True, stable=True).indices
        kept[order[:count]] = True
        origin = {**self.origin, "selection": {"k": count, "share": count / self.universe.size}}
        return Circuit(self.universe, kept, self.fingerprint, origin)

    def positive(self) -> Circuit:
        """The circuit of the nodes with a score above 0: those that a learned mask keeps."""
        origin = {**self.origin, "selection": {"above": 0.0}}
        return Circuit(self.universe, self.values > 0, self.fingerprint, origin)

    def with_origin(self, **entries: Any) -> "Scores":
        """The same scores with more entries in their origin."""
        return replace(self, origin={**self.origin, **entries})

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
