"""A stage that looks at a circuit's nodes one by one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from ...circuits import Circuit
from ...errors import RecipeError
from ...models import Model
from ...tasks import Split, Task
from ...verify import LossObjective
from ...verify.nodes import (
    PERCENTILES,
    binarise,
    constant_queries,
    inverse_pruning,
    kurtosis,
    node_contexts,
    node_effects,
    redundant_writes,
)
from .._stage import Stage, Work, ref
from ._artifacts import CIRCUITS, MODELS, TASKS, once
from ._audit import of_nodes
from ._prove import own_replacement

Part = Literal["inverse", "effects", "binary", "constants", "redundancy", "kurtosis", "contexts"]
ON_TEXT = ("constants", "redundancy", "kurtosis", "contexts")
PARTS: tuple[Part, ...] = ("inverse", "effects", "binary", *ON_TEXT)


@dataclass(frozen=True, kw_only=True)
class Checks(Stage):
    """Whether a circuit's nodes are needed, and as simple as they look (paper 3).

    Attributes:
        text: a task of plain text; constants, redundancy, kurtosis and contexts are told on it.
        parts: which checks: `inverse` pruning, the `effects` of single nodes, `binary` nodes,
            `constants` for queries, `redundancy` of writes, `kurtosis`, `contexts` at percentiles.
        replacement: what nodes outside are given; empty for the one that the circuit was sized
            under.
        split: on which examples of the task.
        text_split: and of the text.
        objective: the loss on the task, see `verify.smallest_at_loss`.
        steps: of training binary nodes.
        percentiles: of contexts, up to 50; their mirror images above the median come along.
        each: contexts at every percentile.
        random_seeds: random circuits beside inverse pruning.
        batch_size: examples per forward.
    """

    kind: ClassVar[str] = "checks"
    room: ClassVar[str] = "verify"
    model: str = ref(*MODELS)
    task: str = ref(*TASKS)
    circuit: str = ref(*CIRCUITS)
    text: str = ref(*TASKS, named=True)
    parts: tuple[Part, ...] = PARTS
    replacement: Literal["", "mean", "zero"] = ""
    split: Literal["test", "validation", "train"] = "test"
    text_split: Literal["reference", "test", "validation", "train"] = "reference"
    objective: LossObjective = "candidates"
    steps: int = 100
    percentiles: tuple[float, ...] = PERCENTILES
    each: int = 2
    random_seeds: int = 3
    batch_size: int = 64

    def run(self, work: Work) -> dict[str, Any]:
        model: Model = work.inputs["model"]
        task: Task = work.inputs["task"]
        text: Task | None = work.inputs["text"]
        circuit = of_nodes(work.inputs["circuit"])
        if text is None and (asked := [part for part in self.parts if part in ON_TEXT]):
            raise RecipeError(
                f"{', '.join(asked)} are told on plain text: set `text` to a task of text, or name "
                "other `parts`"
            )
        split = getattr(task, self.split)
        makers = self._on_task(work, model, circuit, task, split)
        about = {"task": task.name, "split": split.name, "n": len(split), "nodes": circuit.size}
        if text is not None:
            plain = getattr(text, self.text_split)
            makers |= self._on_text(model, circuit, split, plain)
            about |= {"text": plain.name, "text_n": len(plain)}
        return about | {
            part: once(work.folder / f"{part}.json", makers[part]) for part in self.parts
        }

    def _on_task(
        self, work: Work, model: Model, circuit: Circuit, task: Task, split: Split
    ) -> dict[Part, Callable[[], dict[str, Any]]]:
        options = {"objective": self.objective, "batch_size": self.batch_size}
        fill = self.replacement or own_replacement(circuit)
        return {
            "inverse": lambda: inverse_pruning(
                model, circuit, split, fill, random_seeds=self.random_seeds, **options
            ).to_dict(),
            "effects": lambda: _rows(
                node_effects(model, circuit, split, fill, progress=work.progress, **options)
            ),
            "binary": lambda: binarise(
                model,
                circuit,
                task.train,
                split,
                fill,
                steps=self.steps,
                progress=work.progress,
                **options,
            ).to_dict(),
        }

    def _on_text(
        self, model: Model, circuit: Circuit, split: Split, plain: Split
    ) -> dict[Part, Callable[[], dict[str, Any]]]:
        size = {"batch_size": self.batch_size}
        return {
            "constants": lambda: _rows(constant_queries(model, circuit, plain, **size)),
            "redundancy": lambda: _rows(
                redundant_writes(model, circuit, split, plain, objective=self.objective, **size)
            ),
            "kurtosis": lambda: _rows(kurtosis(model, circuit, plain, **size)),
            "contexts": lambda: _rows(
                node_contexts(
                    model, circuit, plain, percentiles=self.percentiles, each=self.each, **size
                )
            ),
        }

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> None:
        return None


def _rows(found: list[Any]) -> dict[str, Any]:
    return {"rows": [row.to_dict() for row in found]}
