"""A stage that conditions a model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ...errors import RecipeError
from ...models import Model, load
from ...reshape import SCALES, Conditioning, ScaleSweep, Size, condition, merge_scales
from ...tasks import Task
from .._stage import Stage, Work, ref, refs
from ._artifacts import CIRCUITS, MODELS, TASKS, model_facts, thinned
from ._beside import beside


@dataclass(frozen=True, kw_only=True)
class Condition(Stage, Conditioning):
    """A model that is trained so that the circuit of a task gets small, see `reshape.condition`.

    Attributes:
        model: the base.
        task: whose circuit is to get small; scales are chosen on its validation split.
        train: the task that it is trained on, if that is another (a control).
        anchors: tasks or texts on which it should stay as the base is; only their train splits
            are trained on, and all of them are reported on their test splits.
        watched: tasks or texts that are reported in the same way, but not trained on.
        slots: a circuit of MLP channels; no other weights change.
        target: accuracy that the scale must hold.
        channels: share of the universe that must be enough as well, with `recovery`; 0 asks for
            no size.
        scale: takes this scale and measures no other; 0 leaves it to the rule.
        scales: what the rule chooses from.
        device: where the new model runs; empty for the GPU if there is one.
    """

    kind: ClassVar[str] = "condition"
    room: ClassVar[str] = "reshape"
    model: str = ref(*MODELS)
    task: str = ref(*TASKS)
    train: str = ref(*TASKS, named=True)
    anchors: tuple[str, ...] = refs(*TASKS)
    watched: tuple[str, ...] = refs(*TASKS)
    slots: str = ref(*CIRCUITS, named=True)
    target: float = 0.9
    channels: float = 0.0
    recovery: float = 0.9
    scale: float = 0.0
    scales: tuple[float, ...] = SCALES
    device: str = ""

    def run(self, work: Work) -> dict[str, Any]:
        base: Model = work.inputs["model"]
        task: Task = work.inputs["task"]
        trained: Task = work.inputs["train"] or task
        anchors: list[Task] = work.several("anchors")
        config = self.part(Conditioning)
        checkpoint = work.folder / "training.safetensors"
        found = condition(
            base,
            trained.train,
            anchors=[anchor.train for anchor in anchors],
            slots=work.inputs["slots"],
            config=config,
            checkpoint=checkpoint,
            progress=work.progress,
        )
        sweep = self._sweep(base, found.change, task)
        scale = self.scale or (sweep.chosen.scale if sweep.chosen else max(self.scales))
        changed = found.change.applied(base, scale)
        changed.save_pretrained(work.folder)
        found.change.save(work.folder / "change")
        lines = [json.dumps(entry) for entry in found.curve]
        (work.folder / "curve.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        checkpoint.unlink(missing_ok=True)
        names = (*self.anchors, *self.watched)
        others = zip(names, [*anchors, *work.several("watched")], strict=True)
        source = f"{work.metrics['model']['source']}, conditioned on {trained.name}"
        return model_facts(changed, source) | {
            "scale": scale,
            "held": sweep.chosen is not None,
            "sweep": sweep.to_dict(),
            "change_norm": found.change.norm(),
            "train": trained.train.name,
            "n": len(trained.train),
            "steps": len(found.curve),
            "last": found.curve[-1],
            "curve": thinned(found.curve),
            "on_task": beside(base, changed, task),
            "others": {name: beside(base, changed, other) for name, other in others},
        }

    def _sweep(self, base: Model, change: Any, task: Task) -> ScaleSweep:
        size = None
        if self.channels:
            size = Size(share=self.channels, recovery=self.recovery, universe=self.universe)
        scales = (self.scale,) if self.scale else self.scales
        return merge_scales(base, change, task, target=self.target, size=size, scales=scales)

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Model:
        return load(folder, device=self.device or None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.channels < 0 or self.scale < 0:
            raise RecipeError("channels and scale cannot be below 0; 0 leaves them open")
