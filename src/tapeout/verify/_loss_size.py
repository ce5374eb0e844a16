"""The smallest circuit of a ranking whose loss is low enough."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from ..circuits import Circuit, EdgeCircuit, EdgeScores, Scores
from ..errors import TaskError
from ..interventions import Mean, Partners, Replacement, circuit_replacement, replacement_of
from ..models import Model
from ..tasks import Split
from ._calibration import Calibrating, calibrate
from ._evaluate import evaluate
from ._frontier import GRID, Progress
from ._intervals import Average
from ._losses import LossObjective, bounded_loss, metric_of

Base = float | Literal["full", "empty"] | None


@dataclass(frozen=True, kw_only=True)
class LossSize:
    """The smallest top-k circuit at or below a loss, and what was measured to find it.

    Attributes:
        circuit: the `k` best-scored nodes, or edges.
        k: how many; of several granularities fewer may be active, see `circuit.size`.
        loss: mean over the examples, with its 95% interval (normal approximation).
        objective: which loss, see `smallest_at_loss`.
        bar: what `loss` had to reach, in nats.
        target, relative_to: where that bar comes from.
        curve: every k that was measured -> its loss, by k.
        split, n: the examples.
        replacement, reference, positions: what was given in place of the rest, and where.
        calibrated_on: the examples that every circuit's logits were calibrated on; empty if they
            were taken as they are.
    """

    circuit: Circuit | EdgeCircuit
    k: int
    loss: Average
    objective: str
    bar: float
    target: float
    relative_to: Base
    curve: dict[int, Average]
    split: str
    n: int
    replacement: str
    reference: str
    positions: str
    calibrated_on: str = ""

    @property
    def evaluations(self) -> int:
        """How many circuits were run over the split."""
        return len(self.curve)

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        names = ("k", "objective", "bar", "target", "relative_to", "evaluations")
        where = ("split", "n", "replacement", "reference", "positions", "calibrated_on")
        curve = [{"k": k, "loss": loss.value} for k, loss in self.curve.items()]
        plain = {name: getattr(self, name) for name in (*names, *where)}
        return plain | {"loss": self.loss.to_dict(), "curve": curve}


def smallest_at_loss(
    model: Model,
    scores: Scores | EdgeScores,
    split: Split,
    replacement: str | Replacement = "counterfactual",
    *,
    target: float = 0.15,
    relative_to: Base = None,
    objective: LossObjective = "candidates",
    shares: Sequence[float] = GRID,
    precision: float = 0.0,
    start: int | None = None,
    calibrated_on: Split | None = None,
    batch_size: int = 64,
    sliced: bool | None = None,
    known: Mapping[int, Average] | None = None,
    found: Callable[[int, Average], None] | None = None,
    progress: Progress | None = None,
) -> LossSize:
    """Keep the top k by score, with the smallest k whose loss is at or below a target.

    Losses do not fall evenly with k, so a grid comes first, from all nodes downwards up to the
    first k that fails; then the gap between that and the last that passed is halved until nothing
    is left of it. So every k that was measured and is larger passes; what lies below is not
    looked at, as a smaller k that passed by luck would not count. A learned mask is a set before
    it is an order, and more nodes may make it worse: from its own size (`start`) k goes up in
    steps that double, to twice that size, and what lies above the first that passes is not looked
    at. What failing sets lacked in trials were nodes whose gates had closed last.

    Args:
        model: the model; it is not changed.
        scores: what ranks the nodes, or edges (under counterfactuals only).
        split: the examples, as a rule `task.validation`.
        replacement: `zero`, `counterfactual`, `resample`, or a replacement (such as a `Mean`).
        target: the loss in nats per example; 0.15 of `candidates` is the paper's.
        relative_to: multiply the target by this number, or by the loss of the full model or of
            the empty circuit.
        objective: `kl` (from the full model at the answer), `task` (the right answer over the
            whole vocabulary) or `candidates` (the right tokens among right tokens and foils).
        shares: the grid, as parts of the universe.
        start: a k to begin at, such as a learned mask's own size.
        calibrated_on: take every circuit's loss after a scale and a shift of its logits that are
            fitted to these other examples, see `calibrate`.
        precision: stop halving at a gap of this part of the universe; 0 leaves none.
        batch_size: examples per forward.
        sliced: as in `evaluate`.
        known: losses of an earlier, interrupted call by k; they are not measured again.
        found: called with every new k and its loss.
        progress: called with the circuits run and the most that there can be.

    Raises:
        TaskError: no k reaches the target, the target is no loss, there is no such objective, or
            the examples lack what it or the replacement needs.
        InterventionError: an unknown replacement, or `mean` without means.

    Source: weight-sparse transformers, section 2.2 and A.5 (mask discretization).
    """
    fill = replacement_of(replacement)
    nodes = scores.universe.size
    partners = Partners.of(model, scores.universe, fill) if isinstance(scores, Scores) else None
    curve = dict(known or {})
    grid = sorted({0, nodes, *(round(share * nodes) for share in shares)})
    widest = max((high - low for low, high in pairwise(grid)), default=1)
    most = len(grid) + (widest - 1).bit_length()

    def run(circuit: Circuit | EdgeCircuit | None) -> Average:
        options = {"batch_size": batch_size, "sliced": sliced, "partners": partners}
        return _loss(model, circuit, split, fill, objective, calibrated_on, options)

    def measure(k: int) -> Average:
        if k not in curve:
            curve[k] = run(scores.top(k))
            if found is not None:
                found(k, curve[k])
        if progress is not None:
            progress(min(len(curve), most), most)
        return curve[k]

    bar = _bar(target, relative_to, {"full": lambda: run(None), "empty": lambda: measure(0)})
    gap = max(1, round(precision * nodes))
    passes: Callable[[int], bool] = lambda k: measure(k).value <= bar  # noqa: E731
    if start is not None:
        grid = _from(start, grid, passes)
    k = _smallest(grid, passes, gap)
    if k is None:
        raise TaskError(
            f"with nothing replaced the loss on {split.name} is {curve[nodes].value:.4g} nats "
            f"({objective}), above the target of {bar:.4g}, so no circuit reaches it: raise the "
            "target, or choose a task that the model does better"
        )
    if progress is not None:
        progress(most, most)
    return LossSize(
        circuit=scores.top(k),
        k=k,
        loss=curve[k],
        objective=objective,
        bar=bar,
        target=target,
        relative_to=relative_to,
        curve={size: curve[size] for size in sorted(curve)},
        split=split.name,
        n=len(split),
        replacement=fill.name,
        reference=fill.reference if isinstance(fill, Mean) else "",
        positions=fill.positions if isinstance(fill.positions, str) else "chosen",
        calibrated_on=calibrated_on.name if calibrated_on else "",
    )


def circuit_loss(
    model: Model,
    circuit: Circuit | EdgeCircuit,
    split: Split,
    replacement: str | Replacement = "counterfactual",
    *,
    objective: LossObjective = "kl",
    calibrated_on: Split | None = None,
    batch_size: int = 64,
) -> Average:
    """A circuit's loss, as `smallest_at_loss` measures it.

    Raises:
        TaskError: there is no such objective, or the examples lack what it or the replacement
            needs.
        CircuitError: the circuit does not fit the model.
    """
    fill = circuit_replacement(circuit, replacement)
    options = {"batch_size": batch_size}
    return _loss(model, circuit, split, fill, objective, calibrated_on, options)


def _loss(
    model: Model,
    circuit: Circuit | EdgeCircuit | None,
    split: Split,
    fill: Replacement,
    objective: LossObjective,
    calibrated_on: Split | None,
    options: Mapping[str, Any],
) -> Average:
    metric = metric_of(bounded_loss(model, objective))
    if calibrated_on is not None:
        config = Calibrating(objective=objective, batch_size=options["batch_size"])
        metric = calibrate(model, circuit, calibrated_on, fill, config=config).metric(metric)
    return evaluate(model, split, circuit, fill, metrics=[metric], **options).average(metric.name)


def _bar(target: float, relative_to: Base, losses: Mapping[str, Callable[[], Average]]) -> float:
    """The loss to reach, in nats.

    Raises:
        TaskError: the target is no loss, or is relative to one of 0.
    """
    base = losses[relative_to]().value if isinstance(relative_to, str) else relative_to
    bar = target if base is None else target * base
    if not (math.isfinite(bar) and target >= 0 and (base is None or base > 0)):
        relative = f" times {base:.4g} ({relative_to})" if base is not None else ""
        raise TaskError(
            f"the target must be a loss of 0 nats or more, or relative to one above 0, not "
            f"{target}{relative}"
        )
    return bar


def _from(start: int, grid: Sequence[int], passes: Callable[[int], bool]) -> list[int]:
    """The grid up to the first k above `start` that passes; all of it if none does."""
    tried = [start]
    while not passes(tried[-1]):
        higher = start + 2 ** (len(tried) - 1)
        if higher > min(2 * start, grid[-1]):
            return list(grid)
        tried.append(higher)
    return sorted({*(k for k in grid if k < start), *tried})


def _smallest(grid: Sequence[int], passes: Callable[[int], bool], gap: int = 1) -> int | None:
    """The smallest k from which everything that was tried passes; None if the last one fails."""
    good, bad = None, -1
    for k in reversed(grid):
        if not passes(k):
            bad = k
            break
        good = k
    while good is not None and good - bad > gap:
        middle = (bad + good) // 2
        good, bad = (middle, bad) if passes(middle) else (good, middle)
    return good
