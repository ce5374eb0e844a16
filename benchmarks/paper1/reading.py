"""The numbers of the two runs, by stage, and how small a model's circuits are."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .measured import Measured

RATES = ("1e-3", "3e-3")
COMPACT = 0.05
"""What the paper calls compact: its conditioned mask has 5.05% of the MLP channels."""
SWEPT = (
    *("published", "no-kl", "all-weights-kl", "all-weights", "kl-only", "format-only", "copy"),
    *("reversal", "random-labels", "failures", "more-examples", "masked"),
    *(f"rank-{rank}" for rank in (1, 4, 8, 16, 64)),
)
"""Variants that were trained at each of `RATES`."""


class MissingStage(LookupError):
    """A run lacks what a claim is judged by."""


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        recipe: its name.
        stages: as in `results.json`.
    """

    recipe: str
    stages: Mapping[str, Any]

    @classmethod
    def at(cls, folder: Path) -> "Run":
        """The run in a folder.

        Raises:
            MissingStage: there is no run.
        """
        path = folder / "results.json"
        if not path.is_file():
            raise MissingStage(f"there is no {path}")
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(found["recipe"], found["stages"])

    @property
    def seconds(self) -> float:
        """What all of its stages took."""
        return sum(stage["seconds"] for stage in self.stages.values())

    def stage(self, name: str) -> Mapping[str, Any]:
        """One stage.

        Raises:
            MissingStage: the run has none of that name, or has not come so far.
        """
        if name not in self.stages:
            raise MissingStage(f"the run {self.recipe} has no finished stage {name!r}")
        return self.stages[name]

    def metrics(self, name: str) -> dict[str, Any]:
        """What one stage measured."""
        return self.stage(name)["metrics"]


@dataclass(frozen=True)
class Runs:
    """Both runs, of one base.

    Raises:
        MissingStage: a run has no base.
        ValueError: the two have different ones.
    """

    tables: Run
    mechanism: Run

    def __post_init__(self) -> None:
        bases = [run.metrics("base")["weights"] for run in (self.tables, self.mechanism)]
        if bases[0] != bases[1]:
            raise ValueError(
                f"{self.tables.recipe} and {self.mechanism.recipe} ran on different bases, so "
                "their numbers cannot be compared: run both with one version"
            )


@dataclass(frozen=True)
class Sizes:
    """Recovery by size of one model's circuits under one replacement (a `smallest` stage).

    Attributes:
        run, stage: where it was measured.
        replacement: what nodes outside were given.
    """

    run: Run
    stage: str
    replacement: str

    @cached_property
    def measured(self) -> dict[str, Any]:
        """The frontier.

        Raises:
            MissingStage: it was not measured under this replacement.
        """
        found = self.run.metrics(self.stage)["replacements"]
        if self.replacement not in found:
            raise MissingStage(f"{self.stage!r} lacks the replacement {self.replacement!r}")
        return found[self.replacement]

    @property
    def source(self) -> Mapping[str, Any]:
        """The stage that made the model."""
        return self.run.stage(self.run.stage(self.stage)["inputs"]["model"])

    @property
    def nodes(self) -> int:
        """Nodes of the universe."""
        return self.run.metrics(self.stage)["nodes"]

    @property
    def full(self) -> Measured:
        """The whole model's accuracy."""
        return Measured.of(self.measured["full"])

    def smallest(self, target: float) -> Measured:
        """Nodes of the smallest circuit from which all larger ones keep the target.

        Its interval are the sizes at which the upper and the lower ends of the accuracies do.
        """
        points = sorted(self.measured["points"], key=lambda point: point["size"])
        value, low, high = (_first(points, key, target) for key in ("accuracy", "high", "low"))
        return Measured(value, low, high)

    @property
    def k90(self) -> Measured:
        """Nodes that keep 90%."""
        return self.smallest(0.9)

    def at(self, share: float) -> Measured:
        """Recovery at a share of the universe that the grid has.

        Raises:
            MissingStage: it does not.
        """
        size = round(share * self.nodes)
        for point in self.measured["points"]:
            if point["size"] == size:
                return Measured(point["accuracy"], point["low"], point["high"])
        raise MissingStage(f"{self.stage!r} has no point at {share:.0%} of the nodes")

    def to_dict(self) -> dict[str, Any]:
        """Its sizes, and how the model came about."""
        k90 = self.k90
        found: dict[str, Any] = {
            "k90": k90.to_dict(),
            "k90_share": k90.value / self.nodes if math.isfinite(k90.value) else None,
            f"recovery_at_{COMPACT:.0%}": self.at(COMPACT).to_dict(),
            "accuracy": self.full.to_dict(),
        }
        if self.source["kind"] != "condition":
            return found
        change = self.source["metrics"]
        return found | {
            "learning_rate": self.source["settings"]["learning_rate"],
            "scale": change["scale"],
            "held": change["held"],
            "kl": change["on_task"]["kl_to_base"]["value"],
        }

    def about(self) -> dict[str, Any]:
        """What holds for all models of a run."""
        names = ("split", "replacement", "criterion")
        n = self.run.metrics(self.stage)["n"]
        return {name: self.measured[name] for name in names} | {"n": n, "nodes": self.nodes}


def sizes(runs: Runs, name: str, replacement: str) -> Sizes:
    """A model's sizes; of a swept variant, at the learning rate of its smaller k90.

    Args:
        name: `base`, one of `SWEPT`, one of these at one rate (`masked-3e-3`), or what a `smallest`
            stage of the second run measures.
    """
    if name in SWEPT:
        rates = [sizes(runs, f"{name}-{rate}", replacement) for rate in RATES]
        # as the paper sweeps; where neither has such a circuit, the one that still adds better
        return min(rates, key=lambda own: (own.k90.value, -own.full.value))
    run = runs.tables if name == "base" or name.endswith(RATES) else runs.mechanism
    return Sizes(run, f"{name}-sizes", replacement)


def twin(runs: Runs, model: str) -> str:
    """The first run's name of a model of the second; training is the same bit for bit.

    Raises:
        MissingStage: it was not trained there.
    """
    weights = runs.mechanism.metrics(model)["weights"]
    for name, stage in runs.tables.stages.items():
        if stage["kind"] == "condition" and stage["metrics"]["weights"] == weights:
            return name
    raise MissingStage(f"no model of the run {runs.tables.recipe} has the weights of {model!r}")


def _first(points: Sequence[Mapping[str, Any]], key: str, bar: float) -> float:
    """The size from which all points reach the bar, as `verify.Frontier.smallest` has it."""
    best = math.inf
    for point in reversed(points):
        if point[key] + 1e-12 < bar:
            break
        best = point["size"]
    return best
