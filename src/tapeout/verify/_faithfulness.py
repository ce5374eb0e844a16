"""Faithfulness, CPR and CMD, as the Mechanistic Interpretability Benchmark (MIB) defines them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from ..circuits import Circuit, EdgeCircuit, EdgeScores, Scores
from ..errors import TaskError
from ..interventions import Mean, Partners, Replacement, replacement_of
from ..models import Model
from ..tasks import Metric, Split
from ._evaluate import evaluate

MIB_SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Shares of edges at which MIB measures faithfulness."""


@dataclass(frozen=True, kw_only=True)
class Faithfulness:
    """How much of a metric the top-scored circuits keep, over sizes.

    faithfulness(C) = (m(C) - m(empty)) / (m(full) - m(empty)); CPR is the area under that curve
    and CMD the area between it and 1, by the trapezoid rule over the shares on a linear axis (MIB,
    Mueller et al. 2025, section 3.2). MIB counts edges; for scores of nodes the shares
    are of nodes.

    Attributes:
        absolute: nodes were ranked by the score's absolute value, which changes CMD.
    """

    shares: list[float]
    values: list[float]
    metric: str
    definition: str
    full: float
    empty: float
    absolute: bool
    split: str
    n: int
    replacement: str
    reference: str

    @property
    def cpr(self) -> float:
        """Integrated circuit performance ratio; the higher, the better."""
        return _area(self.shares, self.values)

    @property
    def cmd(self) -> float:
        """Integrated circuit-model distance; 0 is best."""
        return _area(self.shares, [abs(1 - value) for value in self.values])

    def to_dict(self) -> dict[str, Any]:
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return fields | {"cpr": self.cpr, "cmd": self.cmd}


def faithfulness(
    model: Model,
    scores: Scores | EdgeScores,
    split: Split,
    metric: Metric,
    replacement: str | Replacement = "counterfactual",
    *,
    shares: Sequence[float] = MIB_SHARES,
    absolute: bool = False,
    batch_size: int = 64,
) -> Faithfulness:
    """Measure the curve.

    Args:
        model: the model.
        scores: what ranks the nodes, or edges.
        split: the examples.
        metric: what is kept, as a rule the logit difference.
        replacement: what nodes outside are given; MIB uses counterfactuals.
        shares: sizes, as parts of the universe.
        absolute: rank by the score's absolute value.
        batch_size: examples per forward.

    Raises:
        TaskError: the full and the empty model score the same, so there is nothing to keep.
    """
    fill = replacement_of(replacement)
    partners = None
    if isinstance(scores, Scores):
        partners = Partners.of(model, scores.universe, fill)
    ranked = replace(scores, values=scores.values.abs()) if absolute else scores

    def mean_of(circuit: Circuit | EdgeCircuit | None) -> float:
        options = {"metrics": [metric], "batch_size": batch_size, "partners": partners}
        outcome = evaluate(model, split, circuit, fill, **options)
        return float(outcome.metrics[metric.name].mean())

    full, empty = mean_of(None), mean_of(ranked.top(0))
    if full == empty:
        raise TaskError(
            f"{metric.name} on {split.name} is {full:.3g} with and without the whole universe: "
            "there is nothing for a circuit to keep"
        )
    values = [(mean_of(ranked.top(share=share)) - empty) / (full - empty) for share in shares]
    return Faithfulness(
        shares=list(shares),
        values=values,
        metric=metric.name,
        definition=metric.definition,
        full=full,
        empty=empty,
        absolute=absolute,
        split=split.name,
        n=len(split),
        replacement=fill.name,
        reference=fill.reference if isinstance(fill, Mean) else "",
    )


def faithfulness_of(full: float, circuit: float, empty: float) -> float | None:
    """How much of the way from the empty circuit to the full model a circuit keeps (MIB).

    None where the two are equal, so that there is nothing to keep.
    """
    return None if full == empty else (circuit - empty) / (full - empty)


def _area(x: Sequence[float], y: Sequence[float]) -> float:
    corners = pairwise(zip(x, y, strict=True))
    return sum((right - left) * (low + high) / 2 for (left, low), (right, high) in corners)
