"""A stage that keeps what a circuit's nodes hold, for the report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from safetensors.torch import save_file

from ...models import Model
from ...tasks import Task
from ...verify.nodes import PERCENTILES, pair_activations, text_activations
from .._stage import Stage, Work, ref
from .._store import write_json
from ._artifacts import CIRCUITS, MODELS, TASKS
from ._audit import of_nodes


@dataclass(frozen=True, kw_only=True)
class Activations(Stage):
    """What a circuit's nodes hold on task pairs and on text; the report shows it node by node.

    Attributes:
        text: a task of plain text; left empty, only pairs are run.
        split: whose pairs.
        most_pairs: the first so many of them.
        text_split: of the text.
        percentiles: of a node's activations on text, up to 50; their mirror images come along.
        contexts: at every percentile.
        batch_size: examples per forward.
        memory_mb: for activations on text that are held at once, in MiB; the text is read as often
            as that takes.
        transfer: allow a circuit that was found in other weights of the same shape.
    """

    kind: ClassVar[str] = "activations"
    room: ClassVar[str] = "verify"
    model: str = ref(*MODELS)
    task: str = ref(*TASKS)
    circuit: str = ref(*CIRCUITS)
    text: str = ref(*TASKS, named=True)
    split: Literal["test", "validation", "train"] = "test"
    most_pairs: int = 50
    text_split: Literal["reference", "test", "validation", "train"] = "reference"
    percentiles: tuple[float, ...] = PERCENTILES
    contexts: int = 2
    batch_size: int = 64
    memory_mb: int = 256
    transfer: bool = False

    def run(self, work: Work) -> dict[str, Any]:
        model: Model = work.inputs["model"]
        task: Task = work.inputs["task"]
        text: Task | None = work.inputs["text"]
        circuit = of_nodes(work.inputs["circuit"])
        whole = getattr(task, self.split)
        split = whole.take(self.most_pairs) if len(whole) > self.most_pairs else whole
        options = {"batch_size": self.batch_size, "transfer": self.transfer}
        pairs = pair_activations(model, circuit, split, **options)
        tensors = {"pairs": pairs.values}
        about: dict[str, Any] = {"nodes": pairs.nodes, "split": pairs.split}
        about |= {"pairs": pairs.examples, "text": ""}
        if text is not None:
            found = text_activations(
                model,
                circuit,
                getattr(text, self.text_split),
                percentiles=self.percentiles,
                each=self.contexts,
                memory_mb=self.memory_mb,
                **options,
            )
            tensors |= {"levels": found.levels, "context_values": found.values}
            tensors |= {"context_places": found.places}
            about |= {"text": found.text, "percentiles": found.percentiles}
            about |= {"documents": found.documents}
        save_file(tensors, work.folder / "activations.safetensors")
        write_json(work.folder / "activations.json", about)
        counts = {"nodes": len(pairs.nodes), "n": len(split), "text_n": 0}
        if text is not None:
            counts["text_n"] = len(getattr(text, self.text_split))
        return {"task": task.name, "split": split.name, "text": about["text"]} | counts

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """What the nodes and examples are; the numbers are in `activations.safetensors`."""
        return json.loads((folder / "activations.json").read_text(encoding="utf-8"))
