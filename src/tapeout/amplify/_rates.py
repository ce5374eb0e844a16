"""Sweeps of the learning rate, which the base takes part in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from ..errors import AmplifyError
from ._updated import Updated

Progress = Callable[[int, int], None]
T = TypeVar("T", bound=Updated)


@dataclass(frozen=True, kw_only=True, eq=False)
class Swept(Generic[T]):
    """What a sweep of the learning rate gives.

    Attributes:
        best: the update with the highest score; of equals that of the lowest rate.
        rows: by rate: `learning_rate`, `step` (kept), `score`, `diverged` (-1 if not), and the
            first and last `loss` and `difference`, where the curve has them.
    """

    best: T
    rows: list[dict[str, float]]


def swept(
    run: Callable[[float, dict[str, Any]], T],
    rates: Sequence[float],
    *,
    base_score: float | None,
    checkpoints: Path | None,
    progress: Progress | None,
) -> Swept[T]:
    """One update a rate, from the lowest on; the base is evaluated once.

    Args:
        run: an update at a rate, with its `base_score`, `checkpoint` and `progress`.
        rates: learning rates.
        base_score: of the base, where it is known.
        checkpoints: a folder for one checkpoint a rate.
        progress: called with the steps done and all of them, over all rates.

    Raises:
        AmplifyError: there is no rate.
    """
    best: T | None = None
    rows: list[dict[str, float]] = []
    if checkpoints is not None:
        checkpoints.mkdir(parents=True, exist_ok=True)
    for number, rate in enumerate(sorted(rates)):
        place = None if checkpoints is None else checkpoints / f"{rate:g}.safetensors"
        told = _shifted(progress, number, len(rates))
        found = run(rate, {"base_score": base_score, "checkpoint": place, "progress": told})
        base_score = found.scores[0]
        rows.append(_row(rate, found))
        if best is None or found.scores[found.step] > best.scores[best.step]:
            best = found
    if best is None:
        raise AmplifyError("a sweep needs a learning rate")
    return Swept(best=best, rows=rows)


def _row(rate: float, found: Updated) -> dict[str, float]:
    row = {
        "learning_rate": rate,
        "step": found.step,
        "score": found.scores[found.step],
        "diverged": -1 if found.diverged is None else found.diverged,
    }
    for name in ("loss", "difference"):
        if name in found.curve[0]:
            row |= {f"{name}_first": found.curve[0][name], f"{name}_last": found.curve[-1][name]}
    return row


def _shifted(progress: Progress | None, number: int, rates: int) -> Progress | None:
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, rates * total)
