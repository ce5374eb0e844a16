"""Targeted updates: a few gradient steps on the weights of a circuit's components alone."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..checkpoint import train
from ..circuits import Circuit
from ..models import Model
from ._improving import Evaluate
from ._rates import Progress, Swept, swept
from ._records import LocalisationSet
from ._trainer import Trainer
from ._updated import Updated
from ._updating import Updating


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
) -> Swept[Updated]:
    """`update` at several learning rates; the base is evaluated once.

    Args:
        model, records, circuit, config, evaluate, base_score: as for `update`.
        rates: learning rates.
        checkpoints: a folder for one checkpoint a rate.
        progress: called with the steps done and all of them, over all rates.

    Raises:
        AmplifyError, ReshapeError, CircuitError, RunError: as `update` does.
    """

    def run(rate: float, more: dict[str, Any]) -> Updated:
        at = replace(config, learning_rate=rate)
        return update(model, records, circuit, at, evaluate=evaluate, **more)

    return swept(run, rates, base_score=base_score, checkpoints=checkpoints, progress=progress)
