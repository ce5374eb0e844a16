"""A stage that trains a base."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ...bases import AdderConfig, adder, held_out_counts
from ...models import Model, load
from ...verify import Share  # an interval of counts, which changes nothing that is trained
from .._stage import Stage, Work
from ._artifacts import model_facts


@dataclass(frozen=True, kw_only=True)
class Base(Stage, AdderConfig):
    """A small model trained from scratch on addition and five other tasks, see `bases.adder`.

    Attributes:
        device: where it runs once it is trained; empty for the GPU if there is one.
    """

    kind: ClassVar[str] = "base"
    room: ClassVar[str] = "bases"
    device: str = ""

    def run(self, work: Work) -> dict[str, Any]:
        checkpoint = work.folder / "training.safetensors"
        model = adder(
            self.part(AdderConfig),
            checkpoint=checkpoint,
            progress=work.progress,
        )
        model.save_pretrained(work.folder)
        counts = held_out_counts(model)
        checkpoint.unlink(missing_ok=True)
        return model_facts(model, model.name) | {
            "split": "held out",
            "criterion": "exact",
            "accuracy": {
                name: Share(count.right, count.n).to_dict() for name, count in counts.items()
            },
        }

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Model:
        return load(folder, device=self.device or None)
