"""Scale and shift of a circuit's logits, fitted to a split."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..circuits import Circuit, EdgeCircuit
from ..interventions import Replacement, Zero, circuit_replacement, replacement_of
from ..models import Model
from ..tasks import Metric, Split
from ._evaluate import prepare
from ._fit import Fit, moved
from ._intervals import Average
from ._losses import LossObjective, bounded_loss
from ._shift import ShiftOn, shifted


@dataclass(frozen=True, kw_only=True)
class Calibrating:
    """How a calibration is fitted.

    Attributes:
        objective: the loss that it lowers: `kl`, `task` or `candidates`, see `smallest_at_loss`.
        steps: of L-BFGS, with a line search by the strong Wolfe conditions; the paper's are 16.
        shift: fit a shift beside the scale, where one has an effect.
        batch_size: examples per forward.
    """

    objective: LossObjective = "task"
    steps: int = 16
    shift: bool = True
    batch_size: int = 64


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """`scale * logits`, plus `shift` on some tokens.

    Attributes:
        scale: above 0, so that calibration alone never turns the order of two logits around.
        shift: in nats.
        tokens: whose logits are shifted: `shift_on` says what they are, see `shifted`.
        before, after: the loss on the split that it was fitted on, without and with.
        split, n: which one.
        evaluations: how often that loss was computed.
        config: how it was fitted.
    """

    scale: float
    shift: float
    tokens: tuple[int, ...]
    shift_on: ShiftOn
    before: Average
    after: Average
    split: str
    n: int
    evaluations: int
    config: Calibrating

    @property
    def identity(self) -> bool:
        """Nothing lowered the loss, so logits are left as they are."""
        return self.scale == 1 and self.shift == 0

    def apply(self, logits: Float[Tensor, "*batch vocab"]) -> Float[Tensor, "*batch vocab"]:
        """The calibrated logits, in float32."""
        scale, shift = torch.tensor([self.scale, self.shift], dtype=torch.float64)
        return moved(logits, scale, shift, self.tokens)

    def metric(self, metric: Metric) -> Metric:
        """The same metric on calibrated logits."""
        return Metric(
            f"{metric.name} calibrated",
            f"{metric.definition}, after scale and shift of the logits",
            lambda logits, batch: metric.of(self.apply(logits), batch),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys; of the tokens only how many there are."""
        names = ("scale", "shift", "shift_on", "identity", "split", "n", "evaluations")
        return {
            **{name: getattr(self, name) for name in names},
            "tokens": len(self.tokens),
            "objective": self.config.objective,
            "steps": self.config.steps,
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
        }


def calibrate(
    model: Model,
    circuit: Circuit | EdgeCircuit | None,
    split: Split,
    replacement: str | Replacement = "mean",
    *,
    candidates: Sequence[Split] = (),
    config: Calibrating | None = None,
    transfer: bool = False,
    sliced: bool | None = None,
    **options: Any,
) -> Calibration:
    """Fit a scale and a shift of a circuit's logits to a split.

    Where no step lowers the loss the result is the identity, and says so.

    Args:
        model: the model; it is not changed.
        circuit: whose logits; None for the full model's.
        split: what to fit on, as a rule `task.train`.
        replacement: what nodes outside are given, as in `recovery`.
        candidates: splits whose right tokens and foils are the task's, to shift them; `split`'s
            own by default. Which of them is right for which example is not looked at.
        config: how; or its fields as keyword arguments.
        transfer: allow a circuit that was found in other weights of the same shape.
        sliced: as in `evaluate`.

    Raises:
        TaskError: the examples lack what the objective or the replacement needs.
        CircuitError: the circuit does not fit the model.
        InterventionError: mean replacement without means, or an unknown replacement.

    Source: weight-sparse transformers, A.5 (mask discretization).
    """
    config = config or Calibrating(**options)
    fill = fill_for(circuit, replacement)
    tokens, shift_on = shifted(candidates or [split], config.objective)
    if not config.shift:
        tokens, shift_on = (), "nothing"
    fit = Fit(bounded_loss(model, config.objective), tokens)
    run, partner = prepare(model, split, circuit, fill, transfer=transfer, sliced=sliced)
    with model.frozen(), run.model.frozen():
        with torch.no_grad():
            for batch in split.batches(config.batch_size, partner=partner):
                fit.add(run.logits(batch), batch)
        scale, shift = fit.run(config.steps)
        before, after = fit.average(1.0, 0.0), fit.average(scale, shift)
    return Calibration(
        scale=scale,
        shift=shift,
        tokens=tokens,
        shift_on=shift_on,
        before=before,
        after=after,
        split=split.name,
        n=len(split),
        evaluations=fit.evaluations,
        config=config,
    )


def fill_for(circuit: Circuit | EdgeCircuit | None, replacement: str | Replacement) -> Replacement:
    """What is given in place of nodes outside a circuit, with the means that it carries."""
    if circuit is None:
        return Zero()
    if isinstance(circuit, Circuit):
        return circuit_replacement(circuit, replacement)
    return replacement_of(replacement)
