"""A stage that scores edges."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from ...circuits import EdgeScores
from ...find import EdgeAttribution, edge_attribution
from ...models import Model
from ...tasks import Task
from .._stage import Stage, Work, ref
from ._artifacts import MODELS, TASKS, open_scores


@dataclass(frozen=True, kw_only=True)
class Edges(Stage, EdgeAttribution):
    """Scores for every edge, on the train split, under counterfactuals.

    Attributes:
        metric: what is differentiated; empty for the task's main metric.
        absolute: keep the scores' absolute values, so that both signs count.
    """

    kind: ClassVar[str] = "edges"
    room: ClassVar[str] = "find"
    model: str = ref(*MODELS)
    task: str = ref(*TASKS)
    metric: str = ""
    absolute: bool = True

    def run(self, work: Work) -> dict[str, Any]:
        model: Model = work.inputs["model"]
        task: Task = work.inputs["task"]
        scores = edge_attribution(
            model,
            task.train,
            metric=task.metric(self.metric or None),
            config=self.part(EdgeAttribution),
            progress=work.progress,
        )
        if self.absolute:
            scores = replace(scores, values=scores.values.abs())
        scores.with_origin(task=task.name, task_config=dict(task.config)).save(work.folder)
        names = ("method", "split", "n", "metric")
        return {name: scores.origin[name] for name in names} | {"edges": scores.universe.size}

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> EdgeScores:
        scores = open_scores(folder)
        assert isinstance(scores, EdgeScores)
        return scores
