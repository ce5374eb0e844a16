"""A stage that measures how small circuits of a model can be, under several replacements."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from ...circuits import Universe
from ...errors import TaskError
from ...find import attribution
from ...interventions import means_over, replacement_of
from ...journal import Journal
from ...models import Model
from ...tasks import Task
from ...verify import GRID, Frontier, Point, frontier
from .._stage import Stage, Work, ref
from ._artifacts import MODELS, TASKS


@dataclass(frozen=True, kw_only=True)
class Smallest(Stage):
    """The smallest circuit that is good enough under each replacement, each by its own scores.

    For tables of many models; it leaves no circuit behind (`find`, `frontier` and `select` do).

    Attributes:
        universe: the nodes.
        replacements: of what is left out; scores take the same baseline.
        split: where accuracy is measured; scores are always of the train split.
        target: accuracy to keep, once as it is and once as a part of the full model's.
        shares, bisections, batch_size: as in `frontier`.
        aggregate: as in `find`.
        scored: train examples that rank the nodes; 0 takes all.
    """

    kind: ClassVar[str] = "smallest"
    room: ClassVar[str] = "verify"
    model: str = ref(*MODELS)
    task: str = ref(*TASKS)
    universe: str = "mlp.post_act"
    replacements: tuple[str, ...] = ("zero", "counterfactual")
    split: Literal["validation", "test"] = "test"
    target: float = 0.9
    shares: tuple[float, ...] = GRID
    bisections: int = 6
    batch_size: int = 64
    aggregate: Literal["position", "example", "signed"] = "position"
    scored: int = 0

    def run(self, work: Work) -> dict[str, Any]:
        model: Model = work.inputs["model"]
        task: Task = work.inputs["task"]
        universe = Universe.of(model.shape, self.universe)
        if not self.replacements:
            raise TaskError("smallest needs a replacement: name one or more in `replacements`")
        found = {}
        for place, name in enumerate(self.replacements):
            log = Journal(work.folder / f"{name}.jsonl")
            measured = self._measure(model, task, universe, name, log)
            found[name] = self._sizes(measured) | measured.to_dict()
            work.progress(place + 1, len(self.replacements))
        metrics = {"universe": universe.spec, "nodes": universe.size, "target": self.target}
        metrics |= {"n": len(getattr(task, self.split)), "replacements": found}
        (work.folder / "smallest.json").write_text(json.dumps(metrics), encoding="utf-8")
        return metrics

    def _measure(
        self, model: Model, task: Task, universe: Universe, name: str, log: Journal
    ) -> Frontier:
        train = task.train.take(self.scored) if self.scored else task.train
        means = means_over(model, task.reference, universe) if name == "mean" else None
        scores = attribution(
            model,
            train,
            universe,
            means=means,
            baseline=name if name in ("zero", "mean") else "counterfactual",
            aggregate=self.aggregate,
            batch_size=self.batch_size,
        )
        measured = None
        for relative in (False, True):
            measured = frontier(
                model,
                scores,
                getattr(task, self.split),
                means or replacement_of(name),
                shares=self.shares,
                target=self.target,
                relative=relative,
                bisections=self.bisections,
                batch_size=self.batch_size,
                known=log.read(lambda row: Point(**row)),
                found=lambda point: log.add(asdict(point)),
            )
        assert measured is not None
        return measured

    def _sizes(self, measured: Frontier) -> dict[str, Any]:
        """Nodes and accuracy of the smallest circuit, by each reading of the target."""
        sizes = {}
        for word, relative in (("absolute", False), ("relative", True)):
            point = measured.smallest(self.target, relative=relative)
            sizes[word] = None
            if point is not None:
                accuracy = point.accuracy.to_dict()
                sizes[word] = {"size": point.size, "share": point.share, "accuracy": accuracy}
        return sizes

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> None:
        return None
