"""Stages that put local circuits together, and that give regimes masks of their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from ...circuits import Circuit
from ...errors import RecipeError
from ...interventions import Mean, Replacement, replacement_of
from ...tasks import Task
from ...verify.compose import TRIALS, Composer, Composing, Routed, Trial, route_by_regime
from .._stage import Stage, Work, ref, refs
from ._artifacts import MODELS, TASKS, once
from ._select import sizes_of

Named = Literal["mean", "zero", "counterfactual", "resample"]


@dataclass(frozen=True, kw_only=True)
class Compose(Stage, Composing):
    """Circuits of local decisions put together in every way, at one budget.

    What it hands on is the circuit of the trial that does best on the validation split, of those
    whose circuits do not take turns. All circuits are in `trials`.

    Attributes:
        task: the whole capability.
        interfaces: names of `interface` stages; left empty, every one before this.
        universe: the nodes.
        replacement: what nodes outside are given; `mean` needs a `means` stage.
        trials: which, see `verify.compose.TRIALS`; left empty, all.
    """

    kind: ClassVar[str] = "compose"
    room: ClassVar[str] = "verify"
    model: str = ref(*MODELS)
    task: str = ref("task")
    interfaces: tuple[str, ...] = refs("interface", every=True)
    means: str = ref("means", optional=True)
    universe: str = "mlp.post_act"
    replacement: Named = "zero"
    trials: tuple[str, ...] = ()

    def run(self, work: Work) -> dict[str, Any]:
        task: Task = work.inputs["task"]
        composer = Composer(
            work.inputs["model"],
            task,
            _by_decision(work.several("interfaces")),
            self.universe,
            _fill(self.replacement, work.inputs["means"]),
            config=self.part(Composing),
        )
        names = self.trials or tuple(TRIALS)
        local = [
            once(work.folder / "interfaces" / f"{name}.json", composer.local(name).to_dict)
            for name in composer.bench.names
        ]
        rows = []
        for name in names:
            folder = work.folder / "trials" / name
            make = lambda name=name, folder=folder: _saved(composer.trial(name), folder)  # noqa: E731
            rows.append(once(folder / "trial.json", make))
            work.progress(len(rows), len(names))
        chosen = _best(rows)
        circuit = Circuit.load(work.folder / "trials" / chosen["trial"]).with_origin(
            task=task.name,
            task_config=dict(task.config),
            first_tokens=task.first_tokens,
            selected={"trial": chosen["trial"], "split": task.validation.name},
        )
        circuit.save(work.folder)
        about = {name: chosen[name] for name in ("trial", "budget", "split", "n", "replacement")}
        return sizes_of(circuit) | about | {"interfaces": local, "trials": rows}

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Circuit:
        return Circuit.load(folder)


@dataclass(frozen=True, kw_only=True)
class Route(Stage):
    """Masks by regime beside one mask for all, on the test split.

    Attributes:
        universe: the nodes.
        replacement: what nodes outside are given; `mean` needs a `means` stage.
        stratum: what divides the examples into regimes.
        share: how much of the universe a mask keeps.
        batch_size: examples per forward.
    """

    kind: ClassVar[str] = "route"
    room: ClassVar[str] = "verify"
    model: str = ref(*MODELS)
    task: str = ref(*TASKS)
    means: str = ref("means", optional=True)
    universe: str = "mlp.post_act"
    replacement: Named = "zero"
    stratum: str = "carry"
    share: float = 0.05
    batch_size: int = 64

    def run(self, work: Work) -> dict[str, Any]:
        found = route_by_regime(
            work.inputs["model"],
            work.inputs["task"],
            self.universe,
            _fill(self.replacement, work.inputs["means"]),
            stratum=self.stratum,
            share=self.share,
            batch_size=self.batch_size,
            progress=work.progress,
        )
        return found.to_dict()

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> None:
        return None


def _fill(kind: str, means: Mean | None) -> Replacement:
    return means if kind == "mean" and means is not None else replacement_of(kind)


def _by_decision(tasks: list[Task]) -> dict[str, Task]:
    """Interfaces by the names of their decisions."""
    found = {str(task.config["decision"]): task for task in tasks}
    if len(found) < len(tasks):
        raise RecipeError("two interfaces are of one decision: name those to compose")
    return found


def _best(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The plain circuit that is right most often on the validation split; of these the smallest."""
    plain = [row for row in rows if not row["routed"]]
    if not plain:
        raise RecipeError("all trials are routed, which is no one circuit: add one such as union")
    return max(plain, key=lambda row: (row["validation"]["right"], -row["size"]))


def _saved(trial: Trial, folder: Path) -> dict[str, Any]:
    """Write a trial's circuits; a routed one's are `prompt`, `step-0` and so on."""
    if isinstance(trial.circuit, Routed):
        trial.circuit.prompt.save(folder / "prompt")
        for step, circuit in enumerate(trial.circuit.steps):
            circuit.save(folder / f"step-{step}")
    else:
        trial.circuit.save(folder)
    return trial.to_dict()
