"""Stages that score nodes, measure sizes, and choose a circuit."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from ...circuits import Circuit, Scores
from ...errors import RecipeError, TaskError
from ...find import Attribution, attribution, frequency, random
from ...interventions import Mean, replacement_of
from ...models import Model
from ...tasks import Task
from ...verify import GRID, Frontier, Point, Share, frontier
from .._stage import Stage, Work, ref


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
    model: str = ref("load")
    task: str = ref("task")
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
            fields = Attribution.__dataclass_fields__
            metric = self.metric if self.metric == "kl" else task.metric(self.metric or None)
            scores = attribution(
                model,
                task.train,
                self.universe,
                metric=metric,
                means=work.inputs["means"],
                config=Attribution(**{name: getattr(self, name) for name in fields}),
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
    model: str = ref("load")
    task: str = ref("task")
    scores: str = ref("find", "mask")
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
        log = work.folder / "points.jsonl"
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
            known=_read_points(log),
            found=lambda point: _append(log, point),
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


def _append(log: Path, point: Point) -> None:
    with log.open("a", encoding="utf-8") as file:
        names = ("size", "share", "right", "n")
        file.write(json.dumps({name: getattr(point, name) for name in names}) + "\n")


def _read_points(log: Path) -> list[Point]:
    """Points of a killed attempt; a torn last line is measured again."""
    points = []
    if log.is_file():
        for line in log.read_text(encoding="utf-8").splitlines():
            try:
                points.append(Point(**json.loads(line)))
            except ValueError:
                break
        text = "".join(json.dumps(point.__dict__) + "\n" for point in points)
        log.write_text(text, encoding="utf-8")
    return points


@dataclass(frozen=True, kw_only=True)
class Given(Stage):
    """A circuit that lies on disk.

    Attributes:
        path: the circuit's folder.
    """

    kind: ClassVar[str] = "circuit"
    room: ClassVar[str] = "circuits"
    path: str

    def outside(self) -> dict[str, Any]:
        files = sorted(Path(self.path).glob("circuit*"))
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

    def run(self, work: Work) -> dict[str, Any]:
        circuit = Circuit.load(self.path)
        circuit.save(work.folder)
        return sizes_of(circuit)

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Circuit:
        return Circuit.load(folder)


def sizes_of(circuit: Circuit) -> dict[str, Any]:
    """A circuit's sizes as a stage reports them."""
    parts = {part: {"kept": k, "total": t} for part, (k, t) in circuit.by_part().items()}
    rows = [vars(row) for row in circuit.by_layer()]
    return {"size": circuit.size, "share": circuit.share, "by_part": parts, "by_layer": rows}


@dataclass(frozen=True, kw_only=True)
class Select(Stage):
    """The smallest circuit on a frontier that keeps the target.

    Attributes:
        target: accuracy to keep, ...
        relative: ... as a part of the full model's, not of 1.
        share: instead of a target, this part of the universe.
        positive: instead of both, the nodes whose score is above 0: those a learned mask keeps.
        replacement: under which the circuit is meant, where no frontier says it.
    """

    kind: ClassVar[str] = "select"
    room: ClassVar[str] = "verify"
    scores: str = ref("find", "mask")
    frontier: str = ref("frontier", optional=True)
    means: str = ref("means", optional=True)
    target: float = 0.9
    relative: bool = True
    share: float | None = None
    positive: bool = False
    replacement: Literal["", "mean", "zero", "counterfactual", "resample"] = ""

    def run(self, work: Work) -> dict[str, Any]:
        scores: Scores = work.inputs["scores"]
        sizes: Frontier | None = work.inputs["frontier"]
        means: Mean | None = work.inputs["means"]
        if sizes is not None and not self.replacement:
            names = ("replacement", "reference", "positions")
            kind, reference, positions = (getattr(sizes, name) for name in names)
        elif self.replacement:
            mean = means if self.replacement == "mean" else None
            kind, reference = self.replacement, mean.reference if mean else ""
            positions = "all_but_first"
        else:
            raise RecipeError("no frontier says under which replacement: set `replacement`")
        chosen = self._chosen(scores, sizes)
        circuit = Circuit(
            scores.universe,
            chosen.kept,
            scores.fingerprint,
            chosen.origin,
            means.values if means and kind == "mean" else {},
        )
        circuit = circuit.with_origin(
            replacement={"kind": kind, "reference": reference, "positions": positions},
            selected={name: getattr(self, name) for name in ("target", "relative", "share")}
            | {"positive": self.positive, "split": sizes.split if sizes else ""},
        )
        circuit.save(work.folder)
        return sizes_of(circuit)

    def _chosen(self, scores: Scores, sizes: Frontier | None) -> Circuit:
        if self.positive:
            return scores.positive()
        if self.share is not None:
            return scores.top(share=self.share)
        if sizes is None:
            raise RecipeError("select needs a frontier, a share, or `positive: true`")
        point = sizes.smallest(self.target, relative=self.relative)
        if point is None:
            best = max(p.accuracy.value for p in sizes.points)
            raise TaskError(
                f"no size on the frontier keeps {self.target:.0%}; the best is {best:.1%} "
                f"({sizes.replacement} replacement, {sizes.split}). Lower the target, or add "
                "larger shares"
            )
        return scores.top(point.size)

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Circuit:
        return Circuit.load(folder)
