"""The circuit of a target loss, in a stage that may be killed."""

from typing import Any

from ...circuits import Circuit, EdgeCircuit, EdgeScores, Scores
from ...errors import RecipeError
from ...interventions import Mean, replacement_of
from ...journal import Journal
from ...verify import Average, LossObjective, LossSize, circuit_loss, smallest_at_loss
from .._stage import Work

ROUNDING = 1e-6
"""Nats below which a rival's loss is none: KL of equal models may come out below 0."""

CALIBRATED = 200
"""Examples of the train split that calibrations are fitted to."""


def at_loss(
    work: Work,
    scores: Scores | EdgeScores,
    kind: str,
    target: float | None,
    objective: LossObjective,
    precision: float,
    *,
    calibrate: bool = False,
) -> LossSize:
    """The smallest circuit at or below the loss, or that of its rival, on the validation split.

    What was measured goes to `losses.jsonl`, so that a killed stage goes on from there.

    Raises:
        RecipeError: the recipe has no model or no task before this stage.
    """
    model, task = work.inputs["model"], work.inputs["task"]
    if model is None or task is None:
        raise RecipeError("to select by a loss, a `load` and a `task` stage must come before")
    calibrated_on = task.train.take(CALIBRATED) if calibrate else None
    means: Mean | None = work.inputs["means"]
    rival: Circuit | EdgeCircuit | None = work.inputs["rival"]
    if target is None:
        assert rival is not None
        how: dict[str, Any] = {"objective": objective, "calibrated_on": calibrated_on}
        target = max(circuit_loss(model, rival, task.validation, kind, **how).value, ROUNDING)
    log = Journal(work.folder / "losses.jsonl")
    return smallest_at_loss(
        model,
        scores,
        task.validation,
        means if kind == "mean" and means else replacement_of(kind),
        target=target,
        objective=objective,
        precision=precision,
        calibrated_on=calibrated_on,
        start=scores.positive().size if scores.origin.get("method") == "mask" else None,
        known=dict(log.read(_loss)),
        found=lambda k, loss: log.add({"k": k} | loss.to_dict()),
        progress=work.progress,
    )


def _loss(row: dict[str, Any]) -> tuple[int, Average]:
    return row.pop("k"), Average(**row)
