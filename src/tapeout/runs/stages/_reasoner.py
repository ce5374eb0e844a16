"""A stage that trains a reasoner."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ...amplify import solve  # an evaluation, which changes nothing that is trained
from ...models import Model, load
from ...reasoning import Reasoner, ReasonerConfig, word_problems
from .._stage import Stage, Work
from ._artifacts import model_facts, thinned


@dataclass(frozen=True, kw_only=True)
class ReasonerStage(Stage, ReasonerConfig):
    """A small model trained from scratch on worked word problems, see `reasoning.reasoner`.

    Attributes:
        measured: problems of each template that it is asked in the end, all of them held out.
        limit: most tokens of a solution there.
        device: where it runs once it is trained; empty for the GPU if there is one.
    """

    kind: ClassVar[str] = "reasoner"
    room: ClassVar[str] = "reasoning"
    measured: int = 8
    limit: int = 160
    device: str = ""

    def run(self, work: Work) -> dict[str, Any]:
        checkpoint = work.folder / "training.safetensors"
        training = Reasoner(self.part(ReasonerConfig))
        model = training.finished(checkpoint=checkpoint, progress=work.progress)
        model.save_pretrained(work.folder)
        problems = {"train": 1, "validation": 1, "test": self.measured}
        task = word_problems(n=problems, shots=0, unseen=True)
        found = solve(model, task.test, task=task, limit=self.limit, batch_size=64)
        checkpoint.unlink(missing_ok=True)
        return model_facts(model, model.name) | {
            "solved": found.to_dict() | {"held_out": True},
            "problems": self.steps * self.batch_size,
            "curve": thinned([{"loss": loss} for loss in training.losses]),
        }

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Model:
        return load(folder, device=self.device or None)
