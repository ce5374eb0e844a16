"""Stages that score nodes, measure sizes, and choose a circuit."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from ...circuits import Scores
from ...find import Attribution, attribution, frequency, random
from ...interventions import Mean, replacement_of
from ...journal import Journal
from ...models import Model
from ...tasks import Task
from ...verify import GRID, Frontier, Point, Share, frontier
from .._stage import Stage, Work, ref
from ._artifacts import MODELS, NODE_SCORES, TASKS


@dataclass(frozen=True, kw_only=True)
class Find(Stage, Attribution):
    """Scores for every node of a universe, on the train split.

    Attributes:
        universe: the nodes, such as `mlp.post_act,attn.z:head`.
        method: `attribution` (its settings are the remaining keys), `frequency` or `random`.
        metric: what attribution differentiates; empty for the task's main metric.
        seed: of the method `random`.
    """

    kind: ClassVar[str] = "find"
    room: ClassVar[str] = "find"
    model: str = ref(*MODELS)
    task: str = ref(*TASKS)
    means: str = ref("means", optional=True)
    universe: str = "mlp.post_act,attn.z:head"
    method: Literal["attribution", "frequency", "random"] = "attribution"
    metric: str = ""
    seed: int = 0

    def run(self, work: Work) -> dict[str, Any]:
        model: Model = work.inputs["model"]
        task: Task = work.inputs["task"]
        if self.method == "random":
            scores = random(model, self.universe, seed=self.seed)
        elif self.method == "frequency":
            scores = frequency(model, task.train, self.universe)
        else:
            metric = self.metric if self.metric == "kl" else task.metric(self.metric or None)
            scores = attribution(
                model,
                task.train,
                self.universe,
                metric=metric,
                means=work.inputs["means"],
                config=self.part(Attribution),
                progress=work.progress,
            )
        scores.with_origin(
            task=task.name, task_config=dict(task.config), first_tokens=task.first_tokens
        ).save(work.folder)
        names = ("method", "split", "n", "metric")
        kept = {name: scores.origin[name] for name in names if name in scores.origin}
        return kept | {"universe": scores.universe.spec, "nodes": scores.universe.size}

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Scores:
        return Scores.load(folder)


@dataclass(frozen=True, kw_only=True)
class FrontierStage(Stage):
    """Exact accuracy of the top-scored circuits over sizes, on the validation split.

    Attributes:
        replacement: what dropped nodes are given: `mean` (needs a `means` stage), `zero`,
            `counterfactual` or `resample`.
        shares: the grid, as parts of the universe.
        target: the accuracy to look for, ...
        relative: ... as a part of the full model's, not of 1.
        bisections: halvings of the bracket that holds the target's size.
        batch_size: examples per forward.
    """

    kind: ClassVar[str] = "frontier"
    room: ClassVar[str] = "verify"
    model: str = ref(*MODELS)
    task: str = ref(*TASKS)
    scores: str = ref(*NODE_SCORES)
    means: str = ref("means", optional=True)
    replacement: Literal["mean", "zero", "counterfactual", "resample"] = "mean"
    shares: tuple[float, ...] = GRID
    target: float = 0.9
    relative: bool = True
    bisections: int = 4
    batch_size: int = 64

    def run(self, work: Work) -> dict[str, Any]:
        task: Task = work.inputs["task"]
        means: Mean | None = work.inputs["means"]
        fill = means if self.replacement == "mean" and means else replacement_of(self.replacement)
        log = Journal(work.folder / "points.jsonl")
        found = frontier(
            work.inputs["model"],
            work.inputs["scores"],
            task.validation,
            fill,
            shares=self.shares,
            target=self.target,
            relative=self.relative,
            bisections=self.bisections,
            batch_size=self.batch_size,
            known=log.read(lambda row: Point(**row)),
            found=lambda point: log.add(asdict(point)),
            progress=work.progress,
        )
        metrics = found.to_dict()
        (work.folder / "frontier.json").write_text(json.dumps(metrics), encoding="utf-8")
        smallest = found.smallest(self.target, relative=self.relative)
        return metrics | {
            "target": self.target,
            "relative": self.relative,
            "smallest": {"size": smallest.size, "share": smallest.share} if smallest else None,
        }

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Frontier:
        data = json.loads((folder / "frontier.json").read_text(encoding="utf-8"))
        names = ("size", "share", "right", "n")
        points = [Point(**{name: point[name] for name in names}) for point in data.pop("points")]
        full = Share(data["full"]["right"], data.pop("full")["n"])
        return Frontier(points=points, full=full, **data)
