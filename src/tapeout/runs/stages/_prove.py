"""Stages that prove a circuit, cut it out, and measure what that gains."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from ...circuits import Circuit, EdgeCircuit
from ...errors import RecipeError
from ...extraction import extract, side_by_side
from ...models import Model, load
from ...tasks import Task
from ...verify import (
    Calibrated,
    Calibrating,
    LossObjective,
    calibrate,
    recovery,
    with_and_without,
)
from .._stage import Stage, Work, ref
from ._artifacts import CIRCUITS, MODELS, TASKS


def own_replacement(circuit: Circuit | EdgeCircuit) -> str:
    """The replacement that a circuit was sized under.

    Raises:
        RecipeError: its file does not say.
    """
    kind = circuit.origin.get("replacement", {}).get("kind")
    if not kind:
        raise RecipeError("the circuit's file names no replacement: set `replacement`")
    return str(kind)


@dataclass(frozen=True, kw_only=True)
class Verify(Stage):
    """Evidence for a circuit on the test split: recovery, necessity, controls.

    Attributes:
        replacement: what nodes outside are given; empty for the one that the circuit was sized
            under.
        split: on which examples.
        random_seeds: how many random circuits to compare with.
        ar: `auto` takes autoregressive accuracy by induction where that is exact, `generate`
            always decodes.
        batch_size: examples per forward.
        transfer: allow a circuit that was found in other weights of the same shape.
        calibrate: report all numbers of the circuit also after scale and shift of its logits,
            which are fitted on the train split ...
        objective: ... to lower `task`, `candidates` or `kl`, see `verify.calibrate`.
    """

    kind: ClassVar[str] = "verify"
    room: ClassVar[str] = "verify"
    model: str = ref(*MODELS)
    task: str = ref(*TASKS)
    circuit: str = ref(*CIRCUITS)
    replacement: Literal["", "mean", "zero", "counterfactual", "resample"] = ""
    split: Literal["test", "validation", "train"] = "test"
    random_seeds: int = 3
    ar: Literal["auto", "generate"] = "auto"
    batch_size: int = 64
    transfer: bool = False
    calibrate: bool = False
    objective: LossObjective = "task"

    def run(self, work: Work) -> dict[str, Any]:
        circuit: Circuit | EdgeCircuit = work.inputs["circuit"]
        task: Task = work.inputs["task"]
        replacement = self.replacement or own_replacement(circuit)
        found = recovery(
            work.inputs["model"],
            circuit,
            getattr(task, self.split),
            replacement,
            metrics=list(task.metrics.values()),
            random_seeds=self.random_seeds,
            ar=self.ar,
            batch_size=self.batch_size,
            transfer=self.transfer,
            progress=work.progress,
        )
        if not self.calibrate:
            return found.to_dict()
        calibrated = self._calibrated(work.inputs["model"], circuit, task, replacement)
        return found.to_dict() | {"calibration": calibrated.to_dict()}

    def _calibrated(
        self, model: Model, circuit: Circuit | EdgeCircuit, task: Task, replacement: str
    ) -> Calibrated:
        config = Calibrating(objective=self.objective, batch_size=self.batch_size)
        fitted = calibrate(
            model,
            circuit,
            task.train,
            replacement,
            candidates=task.splits,
            config=config,
            transfer=self.transfer,
        )
        return with_and_without(
            model,
            circuit,
            getattr(task, self.split),
            fitted,
            replacement,
            metrics=list(task.metrics.values()),
            batch_size=self.batch_size,
            transfer=self.transfer,
        )

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> None:
        return None


@dataclass(frozen=True, kw_only=True)
class Extract(Stage):
    """The circuit as a model of its own.

    Attributes:
        replacement: `zero` or `mean`; empty for the one that the circuit was sized under.
        layout: `per_layer`, or `uniform` for stock transformers.
    """

    kind: ClassVar[str] = "extract"
    room: ClassVar[str] = "extraction"
    model: str = ref(*MODELS)
    circuit: str = ref(*CIRCUITS)
    replacement: Literal["", "mean", "zero"] = ""
    layout: Literal["per_layer", "uniform"] = "per_layer"

    def run(self, work: Work) -> dict[str, Any]:
        model: Model = work.inputs["model"]
        circuit: Circuit | EdgeCircuit = work.inputs["circuit"]
        if isinstance(circuit, EdgeCircuit):
            raise RecipeError("edges cannot be cut out as a model: extract a circuit of nodes")
        kind = self.replacement or own_replacement(circuit)
        if kind not in ("zero", "mean"):
            raise RecipeError(
                f"the circuit was sized under {kind} replacement, which no smaller model can "
                "express: set `replacement: mean` or `zero` here, and verify under it too"
            )
        small = extract(model, circuit, kind, layout=self.layout)
        small.save_pretrained(work.folder)
        count = {"full": model, "extracted": small}
        return {
            "replacement": kind,
            "layout": self.layout,
            "parameters": {k: sum(p.numel() for p in m.hf.parameters()) for k, m in count.items()},
            "file_bytes": (work.folder / "model.safetensors").stat().st_size,
        }

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Model:
        return load(folder)


@dataclass(frozen=True, kw_only=True)
class Measure(Stage):
    """Full, masked and extracted model side by side, the extracted one in its own process.

    Attributes:
        rows: test prompts to run as one batch.
        seconds: how long to time each model.
    """

    kind: ClassVar[str] = "measure"
    room: ClassVar[str] = "verify"
    model: str = ref(*MODELS)
    task: str = ref(*TASKS)
    circuit: str = ref(*CIRCUITS)
    extracted: str = ref("extract")
    rows: int = 64
    seconds: float = 2.0

    def run(self, work: Work) -> dict[str, Any]:
        model: Model = work.inputs["model"]
        task: Task = work.inputs["task"]
        batch = next(task.test.take(self.rows).batches(self.rows))
        found = side_by_side(
            model.name,
            work.folders["circuit"],
            work.folders["extracted"],
            batch.tokens,
            replacement=work.metrics["extracted"]["replacement"],
            dtype=str(model.hf.dtype).removeprefix("torch."),
            seconds=self.seconds,
            progress=work.progress,
        )
        return found.to_dict()

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> None:
        return None
