"""A circuit: the nodes of a universe that are kept."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from ..errors import CircuitError
from ..models import Fingerprint, Granularity, Model, Site
from ..notebook import shown
from ._fit import check_fit
from ._universe import Universe


@dataclass(frozen=True, kw_only=True)
class LayerSize:
    """How much of one (layer, site, granularity) a circuit keeps."""

    layer: int
    site: Site
    granularity: Granularity
    kept: int
    total: int


@dataclass(frozen=True, eq=False)
class Circuit:
    """The kept nodes of a universe, and where they come from.

    `a | b`, `a & b`, `a - b` and `~a` are circuits of the same universe; what a result of set
    algebra keeps of its origin is the model's fingerprint, if both sides have the same.

    Attributes:
        universe: the nodes in play.
        kept: True for every node of the circuit; shape [nodes].
        fingerprint: the model that it was found in.
        origin: task, method and its config, metrics, replacement: whatever a reader needs to
            know; plain JSON values.
        means: for mean replacement, what each site's channels are given; so that the file alone
            is enough to apply or extract the circuit.
    """

    universe: Universe
    kept: Bool[Tensor, " nodes"]
    fingerprint: Fingerprint | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)
    means: Mapping[tuple[int, Site], Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kept.shape != (self.universe.size,) or self.kept.dtype != torch.bool:
            raise CircuitError(
                f"a circuit of {self.universe.spec} needs {self.universe.size} booleans, not "
                f"{self.kept.dtype} of shape {tuple(self.kept.shape)}"
            )

    @classmethod
    def full(cls, universe: Universe, **rest: Any) -> "Circuit":
        return cls(universe, torch.ones(universe.size, dtype=torch.bool), **rest)

    @classmethod
    def empty(cls, universe: Universe, **rest: Any) -> "Circuit":
        return cls(universe, torch.zeros(universe.size, dtype=torch.bool), **rest)

    @classmethod
    def of(cls, universe: Universe, nodes: Iterable[int | str], **rest: Any) -> "Circuit":
        """The circuit of the nodes with these numbers or names.

        Raises:
            CircuitError: the universe has no such node.
        """
        kept = torch.zeros(universe.size, dtype=torch.bool)
        for node in nodes:
            number = universe.node(node) if isinstance(node, str) else node
            if not 0 <= number < universe.size:
                raise CircuitError(f"no node {number}: the universe has {universe.size}")
            kept[number] = True
        return cls(universe, kept, **rest)

    @property
    def active(self) -> Bool[Tensor, " nodes"]:
        """The kept nodes that can act: a channel of a dropped head or block cannot."""
        return self.universe.active(self.kept)

    @property
    def size(self) -> int:
        """Number of active nodes."""
        return int(self.active.sum())

    @property
    def share(self) -> float:
        """`size` over the number of nodes in the universe."""
        return self.size / self.universe.size

    def nodes(self) -> list[str]:
        """Names of the active nodes."""
        return [self.universe.name(int(node)) for node in self.active.nonzero()]

    def by_layer(self) -> list[LayerSize]:
        """What is kept of every layer, site and granularity."""
        active = self.active
        return [
            LayerSize(
                layer=group.layer,
                site=group.site,
                granularity=group.granularity,
                kept=int(active[group.nodes].sum()),
                total=group.count,
            )
            for group in self.universe.groups
        ]

    def by_part(self) -> dict[str, tuple[int, int]]:
        """`site:granularity` -> (kept, total) over all layers."""
        totals: dict[str, tuple[int, int]] = {}
        for row in self.by_layer():
            key = f"{row.site}:{row.granularity}"
            kept, total = totals.get(key, (0, 0))
            totals[key] = kept + row.kept, total + row.total
        return totals

    def describe(self) -> str:
        """Such as `2,304 of 46,080 mlp.post_act:channel (5.00%), 9 of 90 attn.z:head (10.00%)`."""
        return ", ".join(
            f"{kept:,} of {total:,} {part} ({kept / total:.2%})"
            for part, (kept, total) in self.by_part().items()
        )

    def __repr__(self) -> str:
        return f"Circuit({self.describe()})"

    def _repr_html_(self) -> str:
        parts = [(part, f"{kept:,}", f"{n:,}") for part, (kept, n) in self.by_part().items()]
        model = f" of {self.fingerprint.name}" if self.fingerprint else ""
        nodes = f"{self.size:,} of {self.universe.size:,} nodes"
        said = f"A circuit{model}: {nodes} ({self.share:.2%})"
        return shown(said, ("nodes", "kept", "of"), parts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Circuit):
            return NotImplemented
        same_universe = self.universe == other.universe
        return same_universe and bool(torch.equal(self.kept, other.kept))

    def __hash__(self) -> int:
        return hash((self.universe.spec, self.kept.numpy().tobytes()))

    def __or__(self, other: "Circuit") -> "Circuit":
        return self._combine(other, torch.logical_or)

    def __and__(self, other: "Circuit") -> "Circuit":
        return self._combine(other, torch.logical_and)

    def __sub__(self, other: "Circuit") -> "Circuit":
        return self._combine(other, torch.gt)

    def __invert__(self) -> "Circuit":
        return Circuit(self.universe, ~self.kept, self.fingerprint)

    def _combine(self, other: "Circuit", rule: Callable[[Tensor, Tensor], Tensor]) -> "Circuit":
        if self.universe.parts != other.universe.parts:
            raise CircuitError(
                f"circuits of different universes do not combine: {self.universe.spec} and "
                f"{other.universe.spec}"
            )
        if reason := self.universe.shape.difference(other.universe.shape):
            raise CircuitError(f"circuits of different models do not combine: {reason}")
        fingerprint = self.fingerprint if self.fingerprint == other.fingerprint else None
        return Circuit(self.universe, rule(self.kept, other.kept), fingerprint)

    def with_origin(self, **entries: Any) -> "Circuit":
        """The same circuit with more entries in its origin."""
        return replace(self, origin={**self.origin, **entries})

    def check(self, model: Model, *, transfer: bool = False) -> None:
        """Make sure that this circuit may be applied to a model.

        Args:
            model: the model it is about to be applied to.
            transfer: the model's weights may be others than those it was found in, as when a
                circuit of a base model is tried on a fine-tuned one.

        Raises:
            CircuitError: with the reason: another shape, or (without `transfer`) other weights.
        """
        check_fit(self.universe.shape, self.fingerprint, model, transfer)

    def save(self, folder: str | Path) -> None:
        """Write `circuit_config.json` and `circuit.safetensors`.

        Raises:
            CircuitError: the folder cannot be written.
        """
        from ._files import save_circuit

        save_circuit(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> "Circuit":
        """Read what `save` wrote.

        Raises:
            CircuitError: there is no circuit there, it is damaged, or of a newer schema.
        """
        from ._files import load_circuit

        return load_circuit(Path(folder))
