"""A stage that fine-tunes a model in the span of directions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ...decompose import SpanTuning, tune_in_span
from ...models import Model, load
from ...tasks import Task
from .._stage import Work, ref, refs
from ._artifacts import TASKS, model_facts, thinned
from ._beside import beside
from ._energy import OfDirections


@dataclass(frozen=True, kw_only=True)
class SpanStage(OfDirections, SpanTuning):
    """A model whose weights were trained on a task in the span of directions alone.

    Attributes:
        task: whose train split it is trained on; its test split is reported.
        watched: tasks or texts that are reported in the same way, but not trained on.
        scale: of the change that is taken.
        device: where the new model runs; empty for the GPU if there is one.
    """

    kind: ClassVar[str] = "span"
    task: str = ref(*TASKS)
    watched: tuple[str, ...] = refs(*TASKS)
    scale: float = 1.0
    device: str = ""

    def run(self, work: Work) -> dict[str, Any]:
        base: Model = work.inputs["model"]
        task: Task = work.inputs["task"]
        checkpoint = work.folder / "training.safetensors"
        found = tune_in_span(
            base,
            work.inputs["decomposition"],
            task.train,
            chosen=self.chosen(work)[0],
            config=self.part(SpanTuning),
            checkpoint=checkpoint,
            progress=work.progress,
        )
        changed = found.change.applied(base, self.scale)
        changed.save_pretrained(work.folder)
        found.change.save(work.folder / "change")
        lines = [json.dumps(entry) for entry in found.curve]
        (work.folder / "curve.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        checkpoint.unlink(missing_ok=True)
        named = zip(self.watched, work.several("watched"), strict=True)
        source = f"{work.metrics['model']['source']}, tuned in a span"
        return model_facts(changed, source) | {
            "scale": self.scale,
            "directions": list(found.amounts),
            "amounts": list(found.amounts.values()),
            "change_norm": found.change.norm(),
            "moved": found.curve[-1]["moved"],
            "train": task.train.name,
            "n": len(task.train),
            "steps": len(found.curve),
            "curve": thinned(found.curve),
            "on_task": beside(base, changed, task),
            "others": {name: beside(base, changed, other) for name, other in named},
        }

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Model:
        return load(folder, device=self.device or None)
