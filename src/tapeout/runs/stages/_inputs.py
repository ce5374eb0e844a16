"""Stages that bring in a model, a task, and means over its reference set."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from safetensors.torch import load_file, save_file

from ... import tasks
from ...interventions import Mean, means_over
from ...models import ALIASES, Model, load
from ...tasks import Counts, Task
from ...verify import worth
from .._config import from_dict
from .._stage import Stage, Work, ref
from ._artifacts import MODELS, TASKS, model_facts


@dataclass(frozen=True, kw_only=True)
class Load(Stage):
    """A model.

    Attributes:
        source: an alias, a folder, a `.gguf` file or a hub id.
        dtype: of the weights; `auto` keeps what the file has.
        device: where it runs; empty for the GPU if there is one.
        trust_remote_code: let transformers run code that comes with the model.
    """

    kind: ClassVar[str] = "load"
    room: ClassVar[str] = "models"
    source: str
    dtype: str = "auto"
    device: str = ""
    trust_remote_code: bool = False

    def outside(self) -> dict[str, Any]:
        if self.source in ALIASES:
            return {"sha256": ALIASES[self.source].sha256}
        path = Path(self.source).expanduser()
        files = [path] if path.is_file() else sorted(path.glob("*")) if path.is_dir() else []
        stats = [(file.name, file.stat()) for file in files if file.is_file()]
        return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats}

    def _load(self) -> Model:
        return load(
            self.source,
            dtype=self.dtype,
            device=self.device or None,
            trust_remote_code=self.trust_remote_code,
        )

    def run(self, work: Work) -> dict[str, Any]:
        model = self._load()
        (work.folder / "model.json").write_text(json.dumps(model.shape.to_dict()), encoding="utf-8")
        return model_facts(model, self.source)

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Model:
        return self._load()


@dataclass(frozen=True, kw_only=True)
class TaskStage(Stage):
    """A task, checked to be one that the full model can do.

    Attributes:
        name: a built-in task, or the path of a JSONL file.
        n: examples in train and in test (validation and reference get half), or a number for each
            split. None is the task's own default.
        seed: of the examples.
        criterion: when an example counts as right, `exact` or `above_foil`; empty: the task's own.
        options: what else the task takes, such as `digits` for addition.
        minimum: the least accuracy that the full model must have; 0 lets anything pass.
    """

    kind: ClassVar[str] = "task"
    room: ClassVar[str] = "verify"
    model: str = ref(*MODELS)
    name: str
    n: int | dict[str, int] | None = None
    seed: int = 0
    criterion: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    minimum: float = 0.5

    def outside(self) -> dict[str, Any]:
        path = Path(self.name)
        if not path.is_file():
            return {}
        return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}

    def _build(self, model: Model) -> Task:
        return tasks.build(
            self.name,
            model.tokenizer,
            n=_counts(self.n),
            seed=self.seed,
            criterion=self.criterion or None,
            **self.options,
        )

    def run(self, work: Work) -> dict[str, Any]:
        task = self._build(work.inputs["model"])
        found = worth(work.inputs["model"], task)
        found.require(self.minimum)
        for split in task.splits:
            name = split.name.rpartition("/")[2]
            lines = [json.dumps(asdict(example)) for example in split.examples]
            text = "\n".join(lines) + "\n"
            (work.folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
        sizes = {split.name.rpartition("/")[2]: len(split) for split in task.splits}
        criterion = task.test.criterion
        return {
            "task": task.name,
            "config": dict(task.config),
            "sizes": sizes,
            "definitions": {m.name: m.definition for m in task.metrics.values()}
            | {criterion.name: criterion.definition},
            "worth": found.to_dict(),
        }

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Task:
        return self._build(inputs["model"])


def _counts(n: int | dict[str, int] | None) -> int | Counts | None:
    return from_dict(Counts, n, "n") if isinstance(n, dict) else n


@dataclass(frozen=True, kw_only=True)
class Means(Stage):
    """Mean activations over the task's reference set, for mean replacement.

    Attributes:
        universe: the sites; as in `find`.
    """

    kind: ClassVar[str] = "means"
    room: ClassVar[str] = "interventions"
    model: str = ref(*MODELS)
    task: str = ref(*TASKS)
    universe: str = "mlp.post_act,attn.z:head"

    def run(self, work: Work) -> dict[str, Any]:
        task: Task = work.inputs["task"]
        means = means_over(work.inputs["model"], task.reference, self.universe)
        tensors = {f"{layer}.{site}": value for (layer, site), value in means.values.items()}
        save_file(tensors, work.folder / "means.safetensors")
        about = {"reference": means.reference, "positions": means.positions}
        (work.folder / "means.json").write_text(json.dumps(about), encoding="utf-8")
        return about

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Mean:
        about = json.loads((folder / "means.json").read_text(encoding="utf-8"))
        values = {}
        for name, value in load_file(folder / "means.safetensors").items():
            layer, _, site = name.partition(".")
            values[int(layer), site] = value
        return Mean(values=values, **about)
