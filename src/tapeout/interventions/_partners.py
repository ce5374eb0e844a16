"""Runs of the rows that replaced nodes are taken from, shared by all circuits that are tried."""

from dataclasses import dataclass, field

from torch import Tensor

from ..circuits import Universe
from ..models import Model, Prefix
from ..tasks import Batch
from ._record import record
from ._replacements import Counterfactual, Recorded, Replacement

BUDGET = 2**30
"""Bytes of recorded activations that are kept between circuits; what goes beyond is run again."""


@dataclass(frozen=True, kw_only=True)
class PartnerRun:
    """What one batch needs of its partners: the columns they share with it, and the rest."""

    prefix: Prefix | None
    replacement: Recorded


@dataclass(eq=False)
class Partners:
    """Partner runs by batch.

    A circuit's clean run reads them instead of going through the model with its partners in
    lockstep, and starts behind the columns in which both are equal: there, replacing changes
    nothing.
    """

    model: Model
    universe: Universe
    replacement: Counterfactual
    budget: int = BUDGET
    _runs: dict[tuple[int, ...], PartnerRun] = field(default_factory=dict)
    _bytes: int = 0

    @classmethod
    def of(
        cls,
        model: Model,
        universe: Universe,
        replacement: Replacement,
        *,
        budget: int = BUDGET,
    ) -> "Partners | None":
        """Where the replacement takes from partners; else None. `budget` is in bytes."""
        paired = isinstance(replacement, Counterfactual)
        return cls(model, universe, replacement, budget=budget) if paired else None

    def run(self, batch: Batch) -> PartnerRun:
        """The partner run of a batch, from memory or anew."""
        key = tuple(batch.rows.tolist())
        if key not in self._runs:
            run = self._make(batch)
            size = sum(value.nbytes for value in run.replacement.values.values())
            if self._bytes + size > self.budget:
                return run
            self._bytes += size
            self._runs[key] = run
        return self._runs[key]

    def _make(self, batch: Batch) -> PartnerRun:
        assert batch.partners is not None
        positions = self.replacement.positions
        columns = 0 if isinstance(positions, Tensor) else batch.shared
        prefix = self.model.read(batch.partners, columns)
        values = record(self.model, batch.partners, self.universe.places, after=prefix)
        return PartnerRun(prefix=prefix, replacement=Recorded(values=values, positions=positions))
