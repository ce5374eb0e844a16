"""Targeted updates: a few gradient steps on the weights of a circuit's components alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..checkpoint import train
from ..circuits import Circuit
from ..errors import AmplifyError
from ..models import Model
from ._delta import Delta
from ._improving import Evaluate
from ._records import LocalisationSet
from ._trainer import Trainer
from ._updating import Updating

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Updated:
    """What an update gives.

    Attributes:
        model: the new model, as it was after `step`.
        base: the model that it was updated from, in float32.
        step: the step that is kept; 0 is the base.
        scores: step -> what `evaluate` gave.
        curve: by step, before it was taken: `loss`, `difference` (mean over the records, in
            logits), `gradient` (its norm).
        diverged: the step at which loss or gradient were no longer finite; None if none.
        origin: how it came about; plain values.
    """

    model: Model
    base: Model
    step: int
    scores: dict[int, float]
    curve: list[dict[str, float]]
    diverged: int | None
    origin: dict[str, Any] = field(repr=False)

    @property
    def score(self) -> float | None:
        """Of the model; None if nothing was evaluated."""
        return self.scores.get(self.step)

    def delta(self) -> Delta:
        """What it changed, as a file to apply and revert."""
        return Delta.between(self.base, self.model, origin=self.origin)


def update(
    model: Model,
    records: LocalisationSet,
    circuit: Circuit | None,
    config: Updating | None = None,
    *,
    evaluate: Evaluate | None = None,
    base_score: float | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Updated:
    """Raise the desired tokens over the undesired ones by gradient steps on a circuit's weights.

    The model itself stays as it is; all weights of the new one that belong to no component of the
    circuit are its own, bit for bit. A model that is not in float32 is updated in float32: with
    less, steps get lost in rounding, or turn into steps of one size.

    Args:
        model: the base.
        records: pairs of tokens.
        circuit: query, key and value heads and MLP channels; None updates every parameter.
        config: how; or its fields as keyword arguments.
        evaluate: a score of a model, the higher the better, such as accuracy on a validation
            split. The base and the model after steps 2, 4, 6, 8, 10, then every `every`, and the
            last are candidates; the best is kept, of equals the earliest. Without it the last is.
        base_score: of the base, where it is known.
        checkpoint: a file to go on from and to save to.
        progress: called with the steps done and all of them.

    Raises:
        AmplifyError: no records, tokens that the model does not have, a score that is no number,
            or a loss that is not finite before the first step (without `evaluate`, at any).
        ReshapeError: the circuit is empty, or of other nodes.
        CircuitError: it does not fit the model.
        RunError: the checkpoint is damaged, or of another update.

    Source: paper 2, section 3.1.3.
    """
    config = config or Updating(**options)
    trainer = Trainer(model, records, circuit, config, evaluate)
    if base_score is not None:
        trainer.scores[0] = base_score
    train(
        trainer,
        config.steps,
        checkpoint=checkpoint,
        save_every=config.save_every,
        progress=progress,
        settled=lambda: trainer.diverged is not None,
    )
    trainer.finish()
    return Updated(
        model=trainer.copy,
        base=trainer.base,
        step=trainer.kept,
        scores=trainer.scores,
        curve=trainer.curve,
        diverged=trainer.diverged,
        origin=trainer.origin(),
    )


RATES = (1e-2, 5e-3, 1e-3, 5e-4, 1e-4, 5e-5, 1e-5)
"""The paper's candidates (footnote 2)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Swept:
    """What a sweep of the learning rate gives.

    Attributes:
        best: the update with the highest score; of equals that of the lowest rate.
        rows: by rate: `learning_rate`, `step` (kept), `score`, `diverged` (-1 if not), and the
            first and last `loss` and `difference`.
    """

    best: Updated
    rows: list[dict[str, float]]


def sweep(
    model: Model,
    records: LocalisationSet,
    circuit: Circuit | None,
    config: Updating,
    *,
    evaluate: Evaluate,
    rates: Sequence[float] = RATES,
    base_score: float | None = None,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> Swept:
    """`update` at several learning rates; the base is evaluated once.

    Args:
        model, records, circuit, config, evaluate, base_score: as for `update`.
        rates: learning rates.
        checkpoints: a folder for one checkpoint a rate.
        progress: called with the steps done and all of them, over all rates.

    Raises:
        AmplifyError, ReshapeError, CircuitError, RunError: as `update` does.
    """
    best: Updated | None = None
    rows: list[dict[str, float]] = []
    if checkpoints is not None:
        checkpoints.mkdir(parents=True, exist_ok=True)
    for number, rate in enumerate(sorted(rates)):
        found = update(
            model,
            records,
            circuit,
            replace(config, learning_rate=rate),
            evaluate=evaluate,
            base_score=base_score,
            checkpoint=None if checkpoints is None else checkpoints / f"{rate:g}.safetensors",
            progress=_shifted(progress, number * config.steps, len(rates) * config.steps),
        )
        base_score = found.scores[0]
        rows.append(_row(rate, found))
        if best is None or found.scores[found.step] > best.scores[best.step]:
            best = found
    if best is None:
        raise AmplifyError("a sweep needs a learning rate")
    return Swept(best=best, rows=rows)


def _row(rate: float, found: Updated) -> dict[str, float]:
    first, last = found.curve[0], found.curve[-1]
    return {
        "learning_rate": rate,
        "step": found.step,
        "score": found.scores[found.step],
        "diverged": -1 if found.diverged is None else found.diverged,
        "loss_first": first["loss"],
        "loss_last": last["loss"],
        "difference_first": first["difference"],
        "difference_last": last["difference"],
    }


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    if progress is None:
        return None
    return lambda done, _: progress(before + done, total)
