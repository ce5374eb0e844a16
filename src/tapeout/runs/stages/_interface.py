"""A stage that makes a task of one local decision of another task."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from ...models import Model
from ...tasks import CONTRAST, SPLITS, Example, Split, Task, interfaces
from .._stage import Stage, Work, ref
from .._store import write_json
from ._artifacts import MODELS


@dataclass(frozen=True, kw_only=True)
class Interface(Stage):
    """One decision of addition, on pairs that the model answers right; see `tasks.interfaces`.

    It is a task to the stages that read one, which take the last before them if they name none.

    Attributes:
        task: an addition task.
        decision: `digit-0`, `carry-1`, ..., `overflow` or `length`.
        n: the most examples in train and in test (validation and reference half); null for as many
            as the task has.
        batch_size: examples per forward.
    """

    kind: ClassVar[str] = "interface"
    room: ClassVar[str] = "tasks"
    model: str = ref(*MODELS)
    task: str = ref("task")
    decision: str
    n: int | None = None
    batch_size: int = 64

    def run(self, work: Work) -> dict[str, Any]:
        model: Model = work.inputs["model"]
        made = interfaces(
            model, work.inputs["task"], [self.decision], n=self.n, batch_size=self.batch_size
        )
        task = made[self.decision]
        splits = dict(zip(SPLITS, task.splits, strict=True))
        for name, split in splits.items():
            lines = [json.dumps(asdict(example)) for example in split.examples]
            (work.folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        write_json(work.folder / "task.json", {"name": task.name, "config": dict(task.config)})
        return {
            "task": task.name,
            "config": dict(task.config),
            "sizes": {name: len(split) for name, split in splits.items()},
        }

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Task:
        about = json.loads((folder / "task.json").read_text(encoding="utf-8"))
        splits = {}
        for name in SPLITS:
            lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
            examples = [_example(json.loads(line)) for line in lines]
            splits[name] = Split(f"{about['name']}/{name}", examples, inputs["model"].tokenizer)
        return Task(**about, metrics=CONTRAST, **splits)


def _example(data: Mapping[str, Any]) -> Example:
    listed = {name: tuple(data[name]) for name in ("answers", "foils", "content")}
    return Example(**{**data, **listed})
