"""A model, a universe and a replacement: what scores and runs circuits in all that follows."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from ...circuits import Circuit, Scores, Universe
from ...errors import CircuitError
from ...find import attribution
from ...interventions import Mean, Replacement, Zero
from ...models import Model
from ...tasks import Batch, Metric, Split
from .._evaluate import Outcome, evaluate
from ._routed import Routed, evaluate_routed

Aggregate = Literal["example", "signed"]


@dataclass(frozen=True, eq=False)
class Ground:
    """Where circuits are found and run.

    Attributes:
        fill: what nodes outside a circuit are given.
        share: the budget: how much of the universe a circuit may keep.
        batch_size: examples per forward.
    """

    model: Model
    universe: Universe
    fill: Replacement
    share: float
    batch_size: int

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise CircuitError(f"share={self.share} is no part of the universe: take 0 to 1")

    @property
    def budget(self) -> int:
        """Nodes that a circuit may keep."""
        return max(round(self.share * self.universe.size), 1)

    @property
    def about(self) -> dict[str, str]:
        """The replacement, in the words of results."""
        fill = self.fill
        return {
            "replacement": fill.name,
            "reference": fill.reference if isinstance(fill, Mean) else "",
            "positions": fill.positions if isinstance(fill.positions, str) else "chosen",
        }

    def score(
        self,
        split: Split,
        aggregate: Aggregate = "example",
        within: Callable[[Batch], AbstractContextManager[None]] | None = None,
    ) -> Scores:
        """Attribution of a split's examples, with the replacement as its baseline."""
        return attribution(
            self.model,
            split,
            self.universe,
            means=self.fill if isinstance(self.fill, Mean) else None,
            baseline=_baseline(self.fill),
            aggregate=aggregate,
            batch_size=self.batch_size,
            within=within,
        )

    def run(
        self, split: Split, circuit: Circuit | Routed, metrics: Sequence[Metric] = ()
    ) -> Outcome:
        """Run a circuit over a split, teacher-forced."""
        how: dict[str, Any] = {"metrics": metrics, "batch_size": self.batch_size}
        if isinstance(circuit, Routed):
            return evaluate_routed(self.model, split, circuit, self.fill, **how)
        return evaluate(self.model, split, circuit, self.fill, **how)

    def circuit(self, kept: Tensor, **origin: Any) -> Circuit:
        """A circuit of this universe and model."""
        return Circuit(self.universe, kept, self.model.fingerprint, origin)


def _baseline(fill: Replacement) -> Literal["zero", "mean", "counterfactual"]:
    if isinstance(fill, Zero):
        return "zero"
    return "mean" if isinstance(fill, Mean) else "counterfactual"
