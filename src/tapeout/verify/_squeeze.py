"""Squeezing a circuit to the smallest one that still carries its task."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from ..circuits import Circuit, Scores
from ..errors import CircuitError
from ..interventions import Mean, Partners, Replacement, circuit_replacement
from ..models import Model
from ..tasks import Split
from ._evaluate import evaluate
from ._intervals import Share

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Squeezing:
    """How far and how carefully a circuit is squeezed.

    Attributes:
        target: accuracy to keep, ...
        relative: ... as a part of the full model's, not of 1.
        confident: ... by the lower end of its 95% interval.
        layers: try to drop whole layers first.
        group: size of the first groups, as a part of the circuit.
        smallest: of how many nodes the last groups are.
        evaluations: the most circuits that are measured.
        batch_size: examples per forward.

    Raises:
        CircuitError: a setting is out of range.
    """

    target: float = 0.9
    relative: bool = True
    confident: bool = False
    layers: bool = True
    group: float = 0.125
    smallest: int = 1
    evaluations: int = 200
    batch_size: int = 64

    def __post_init__(self) -> None:
        if not 0 < self.target <= 1:
            raise CircuitError(f"target={self.target} is no accuracy to keep: take 0 to 1")
        if not 0 < self.group <= 1:
            raise CircuitError(f"group={self.group} is no part of a circuit: take 0 to 1")
        if self.smallest < 1 or self.evaluations < 1:
            raise CircuitError("smallest and evaluations must be 1 or more")


@dataclass(frozen=True, kw_only=True)
class Squeeze:
    """One circuit that was tried.

    Attributes:
        tried: what was left out beside what was gone already: `nothing`, `layer` or `group`.
        size: nodes that it kept.
        circuit: hash of its kept nodes.
        right, n: of the validation split.
        kept: whether the nodes stayed out.
    """

    tried: Literal["nothing", "layer", "group"]
    size: int
    circuit: str
    right: int
    n: int
    kept: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Squeezed:
    """The smallest circuit that was found, and how.

    Attributes:
        circuit: it; the start itself where that was below the target already.
        start: nodes before.
        before, after: accuracy of the start and of what came out, on `split`.
        full: the full model's.
        bar: the accuracy that was to be kept.
        reached: whether the start was at the bar, so that what came out is.
        finished: no node or group could be dropped any more; False if evaluations ran out.
        steps: every circuit that was tried, in order.
        layers: layers of which nodes were in the start and none is left.
        split: the examples, as a rule the validation split.
        replacement, reference, positions: what nodes outside were given, and where.
        criterion: when an example counts as right.
    """

    circuit: Circuit
    start: int
    before: Share
    after: Share
    full: Share
    bar: float
    reached: bool
    finished: bool
    steps: list[Squeeze]
    layers: list[int]
    split: str
    replacement: str
    reference: str
    positions: str
    criterion: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        names = ("start", "bar", "reached", "finished", "split", "replacement", "reference")
        data = {name: getattr(self, name) for name in (*names, "positions", "criterion")}
        shares = {name: getattr(self, name).to_dict() for name in ("before", "after", "full")}
        return (
            data
            | shares
            | {
                "n": self.after.n,
                "size": self.circuit.size,
                "share": self.circuit.share,
                "evaluations": len(self.steps),
                "layers_dropped": self.layers,
                "steps": [asdict(step) for step in self.steps],
            }
        )


def squeeze(
    model: Model,
    circuit: Circuit,
    scores: Scores,
    split: Split,
    replacement: str | Replacement = "mean",
    *,
    config: Squeezing | None = None,
    known: Mapping[str, int] | None = None,
    found: Callable[[Squeeze], None] | None = None,
    transfer: bool = False,
    progress: Progress | None = None,
) -> Squeezed:
    """Drop what a circuit can do without (paper 1, "Minimal viable circuit"; ours in detail).

    Whole layers are tried first, those of least score before others. Then groups of kept nodes,
    from the lowest scores up; a group stays out where accuracy stays at the bar. Where no group of
    a size can be dropped any more, the size is halved. The same circuit, scores and examples give
    the same result, and no circuit is measured twice.

    Args:
        model: the model.
        circuit: where to start.
        scores: in which order nodes are tried.
        split: the examples, as a rule `task.validation`.
        replacement: `zero`, `mean` (the means that the circuit carries), `counterfactual`,
            `resample`, or a replacement of your own.
        config: how far.
        known: what an earlier, interrupted call measured: hash of a circuit -> how many of the
            split it has right.
        found: called with every circuit tried.
        transfer: allow a circuit that was found in other weights of the same shape.
        progress: called with the circuits measured and the most that there can be.

    Raises:
        CircuitError: circuit and scores are of different universes, or do not fit the model.
        InterventionError: mean replacement without means, or an unknown replacement.
        TaskError: the split does not have what the replacement needs.
    """
    config = config or Squeezing()
    if scores.universe.parts != circuit.universe.parts or scores.universe.shape.difference(
        circuit.universe.shape
    ):
        raise CircuitError(
            f"a circuit of {circuit.universe.spec} cannot be squeezed by scores of "
            f"{scores.universe.spec}: name scores of the same universe and model"
        )
    fill = circuit_replacement(circuit, replacement)
    full = evaluate(model, split, batch_size=config.batch_size).accuracy
    partners = Partners.of(model, circuit.universe, fill)

    def measure(kept: Bool[Tensor, " nodes"]) -> int:
        tried = replace(circuit, kept=kept)
        options: dict[str, Any] = {"batch_size": config.batch_size, "transfer": transfer}
        return int(evaluate(model, split, tried, fill, partners=partners, **options).correct.sum())

    press = _Press(circuit, scores, full, config, measure, dict(known or {}), found, progress)
    reached, finished = press.run()
    kept = replace(circuit, kept=press.kept)
    return Squeezed(
        circuit=kept,
        start=circuit.size,
        before=press.before,
        after=press.after,
        full=full,
        bar=press.bar,
        reached=reached,
        finished=finished,
        steps=press.steps,
        layers=sorted(_layers(circuit) - _layers(kept)),
        split=split.name,
        replacement=fill.name,
        reference=fill.reference if isinstance(fill, Mean) else "",
        positions=fill.positions if isinstance(fill.positions, str) else "chosen",
        criterion=split.criterion.name,
    )


class _OutOfEvaluations(Exception):
    pass


class _Press:
    """The state of a squeeze."""

    def __init__(
        self,
        circuit: Circuit,
        scores: Scores,
        full: Share,
        config: Squeezing,
        measure: Callable[[Tensor], int],
        known: dict[str, int],
        found: Callable[[Squeeze], None] | None,
        progress: Progress | None,
    ) -> None:
        self.universe, self.config, self.n = circuit.universe, config, full.n
        self.measure, self.known = measure, known
        self.found, self.progress = found, progress
        self.kept = circuit.active  # what cannot act would be dropped first anyway
        self.values = scores.values
        self.bar = config.target * (full.value if config.relative else 1.0)
        self.steps: list[Squeeze] = []
        self.seen: dict[str, bool] = {}
        self.before = self.after = Share(0, full.n)

    def run(self) -> tuple[bool, bool]:
        """Whether the start was at the bar, and whether nothing more can be dropped."""
        reached = self._try("nothing", torch.zeros_like(self.kept))
        self.before = self.after = Share(self.steps[0].right, self.n)
        if not reached:
            return False, True
        try:
            if self.config.layers:
                self._drop_layers()
            self._drop_groups()
        except _OutOfEvaluations:
            return True, False
        return True, True

    def _drop_layers(self) -> None:
        nodes_of = {layer: self._layer(layer) for layer in sorted(self._all_layers())}
        weight = {layer: float(self.values[nodes].sum()) for layer, nodes in nodes_of.items()}
        for layer in sorted(nodes_of, key=lambda layer: (weight[layer], layer)):
            self._try("layer", nodes_of[layer] & self.kept)

    def _all_layers(self) -> set[int]:
        groups = self.universe.groups
        return {group.layer for group in groups if bool(self.kept[group.nodes].any())}

    def _layer(self, layer: int) -> Bool[Tensor, " nodes"]:
        inside = torch.zeros_like(self.kept)
        for group in self.universe.groups:
            if group.layer == layer:
                inside[group.nodes] = self.kept[group.nodes]
        return inside

    def _drop_groups(self) -> None:
        size = max(round(self.config.group * int(self.kept.sum())), self.config.smallest)
        while True:
            dropped = False
            for nodes in self._order().split(size):
                chosen = torch.zeros_like(self.kept)
                chosen[nodes] = True
                dropped |= self._try("group", chosen)
            if dropped:
                continue
            if size <= self.config.smallest:
                return
            size = max(size // 2, self.config.smallest)

    def _order(self) -> Int[Tensor, " kept"]:
        """Kept nodes, the least first; of equal scores the higher number, as in `Scores.top`."""
        ranked = torch.sort(self.values, descending=True, stable=True).indices.flip(0)
        return ranked[self.kept[ranked]]

    def _try(self, tried: Literal["nothing", "layer", "group"], out: Tensor) -> bool:
        """Leave nodes out; they stay out if accuracy stays at the bar."""
        kept = self.universe.active(self.kept & ~out)
        key = _hash(kept)
        if key in self.seen:  # it failed before, or nothing is left out
            return False
        if len(self.steps) >= self.config.evaluations:
            raise _OutOfEvaluations
        right = self.known[key] if key in self.known else self.measure(kept)
        share = Share(right, self.n)
        value = share.low if self.config.confident else share.value
        good = value + 1e-12 >= self.bar
        step = Squeeze(
            tried=tried, size=int(kept.sum()), circuit=key, right=right, n=self.n, kept=good
        )
        self.steps.append(step)
        self.seen[key] = good
        if good:
            self.kept, self.after = kept, share
        if self.found is not None:
            self.found(step)
        if self.progress is not None:
            self.progress(len(self.steps), self.config.evaluations)
        return good


def _hash(kept: Bool[Tensor, " nodes"]) -> str:
    return hashlib.sha256(kept.numpy().tobytes()).hexdigest()[:16]


def _layers(circuit: Circuit) -> set[int]:
    return {row.layer for row in circuit.by_layer() if row.kept}
