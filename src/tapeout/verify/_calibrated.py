"""A circuit with and without calibration, on examples that it was not fitted on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..circuits import Circuit, EdgeCircuit
from ..interventions import Mean, Replacement
from ..models import Model
from ..tasks import Metric, Split
from ._calibration import Calibration, fill_for
from ._evaluate import evaluate
from ._intervals import Average, Share
from ._losses import bounded_loss, metric_of


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """What a calibration changes on examples that it was not fitted on.

    Attributes:
        calibration: scale and shift.
        split, n: the examples.
        replacement, reference: what nodes outside the circuit were given.
        loss: what was lowered, without and with.
        accuracy: by the split's criterion, likewise; a scale alone leaves it as it is.
        metrics: name -> (without, with).
    """

    calibration: Calibration
    split: str
    n: int
    replacement: str
    reference: str
    loss: tuple[Average, Average]
    accuracy: tuple[Share, Share]
    metrics: dict[str, tuple[Average, Average]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        pairs = {"loss": self.loss, "accuracy": self.accuracy}
        return {
            "fit": self.calibration.to_dict(),
            "split": self.split,
            "n": self.n,
            "replacement": self.replacement,
            "reference": self.reference,
            **{name: _both(pair) for name, pair in pairs.items()},
            "metrics": {name: _both(pair) for name, pair in self.metrics.items()},
        }


def with_and_without(
    model: Model,
    circuit: Circuit | EdgeCircuit | None,
    split: Split,
    calibration: Calibration,
    replacement: str | Replacement = "mean",
    *,
    metrics: Sequence[Metric] = (),
    batch_size: int = 64,
    transfer: bool = False,
    sliced: bool | None = None,
) -> Calibrated:
    """Run a circuit once over a split, and measure its logits as they are and calibrated.

    Args:
        model: the model; it is not changed.
        circuit: what to run; None for the full model.
        split: the examples, as a rule `task.test`; not those of the fit.
        calibration: what `calibrate` fitted.
        replacement: what nodes outside are given, as in `recovery`.
        metrics: measured beside loss and accuracy.
        batch_size: examples per forward.
        transfer: allow a circuit that was found in other weights of the same shape.
        sliced: as in `evaluate`.

    Raises:
        TaskError: the split does not have what the replacement, the loss or a metric needs.
        CircuitError: the circuit does not fit the model.
        InterventionError: mean replacement without means, or an unknown replacement.
    """
    fill = fill_for(circuit, replacement)
    loss = metric_of(bounded_loss(model, calibration.config.objective))
    right = Metric("accuracy", split.criterion.definition, split.criterion.of)
    plain = [loss, right, *metrics]
    moved = [calibration.metric(metric) for metric in plain]
    outcome = evaluate(
        model,
        split,
        circuit,
        fill,
        metrics=plain + moved,
        batch_size=batch_size,
        transfer=transfer,
        sliced=sliced,
    )

    def pair(place: int) -> tuple[Average, Average]:
        return outcome.average(plain[place].name), outcome.average(moved[place].name)

    def share(metric: Metric) -> Share:
        return Share(int(outcome.metrics[metric.name].sum()), len(split))

    return Calibrated(
        calibration=calibration,
        split=split.name,
        n=len(split),
        replacement=fill.name,
        reference=fill.reference if isinstance(fill, Mean) else "",
        loss=pair(0),
        accuracy=(share(plain[1]), share(moved[1])),
        metrics={metric.name: pair(place) for place, metric in enumerate(plain) if place > 1},
    )


def _both(pair: tuple[Average, Average] | tuple[Share, Share]) -> dict[str, Any]:
    without, with_ = pair
    return {"without": without.to_dict(), "with": with_.to_dict()}
