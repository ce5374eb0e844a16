"""A run's `results.json`, read once and checked where it enters."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from ..errors import RunError
from ._bridged import Bridged
from ._composed import Composed
from ._conditioned import Conditioned
from ._evidence import Evidence
from ._fields import Fields
from ._smallest import Smallest
from ._steered import Steered
from ._trained import Trained
from ._transfer import Transfer
from ._views import Extracted, Frontier, Loaded, Sizes, Speed, Task
from ._weights_view import MeanSize, Weights

SCHEMA_VERSION = 1
MODELS = ("load", "base", "train", "condition", "bridge", "amplify", "tune", "span")
CIRCUITS = ("select", "circuit", "squeeze", "compose", "localise", "random")
View = TypeVar("View")


@dataclass(frozen=True)
class Stage:
    """One finished stage.

    Attributes:
        inputs: field -> name of the stage that it read; empty if the results do not say.
        settings: its config under dotted names; empty if the results do not say.
        machine: what it ran on; empty if the results do not say.
        peak_mb: the most memory that its process held, in MiB; None if the results do not say.
    """

    name: str
    kind: str
    key: str
    seconds: float
    metrics: Fields
    inputs: dict[str, str]
    settings: list[tuple[str, str]]
    machine: list[tuple[str, str]]
    peak_mb: float | None


@dataclass(frozen=True)
class Results:
    """All finished stages, in the order in which they ran."""

    recipe: str
    stages: list[Stage]

    @cached_property
    def models(self) -> list[tuple[Stage, Loaded]]:
        """Loaded, trained or changed."""
        return self._views(MODELS, Loaded.of)

    @cached_property
    def trained(self) -> list[tuple[Stage, Trained]]:
        return self._views(("train", "bridge"), Trained.of)

    @cached_property
    def bridged(self) -> list[tuple[Stage, Bridged]]:
        return self._views(("bridge",), Bridged.of)

    @cached_property
    def steered(self) -> list[tuple[Stage, Steered]]:
        return self._views(("steer",), Steered.of)

    @cached_property
    def conditioned(self) -> list[tuple[Stage, Conditioned]]:
        return self._views(("condition",), Conditioned.of)

    @cached_property
    def tasks(self) -> list[tuple[Stage, Task]]:
        return self._views(("task",), Task.of)

    @cached_property
    def frontiers(self) -> list[tuple[Stage, Frontier]]:
        return self._views(("frontier",), Frontier.of)

    @cached_property
    def smallest(self) -> list[tuple[Stage, Smallest]]:
        return self._views(("smallest",), Smallest.of)

    @cached_property
    def transfers(self) -> list[tuple[Stage, Transfer]]:
        return self._views(("transfer",), Transfer.of)

    @cached_property
    def composed(self) -> list[tuple[Stage, Composed]]:
        return self._views(("compose",), Composed.of_trials)

    @cached_property
    def routed(self) -> list[tuple[Stage, Composed]]:
        return self._views(("route",), Composed.of_regimes)

    @cached_property
    def circuits(self) -> list[tuple[Stage, Sizes]]:
        """Chosen, brought in, or made of others."""
        return self._views(CIRCUITS, Sizes.of)

    @cached_property
    def weights(self) -> list[tuple[Stage, Weights]]:
        return self._views(("weight_edges",), Weights.of)

    @cached_property
    def mean_sizes(self) -> list[tuple[Stage, MeanSize]]:
        return self._views(("mean_size",), MeanSize.of)

    @cached_property
    def proofs(self) -> list[tuple[Stage, Evidence]]:
        return self._views(("verify",), Evidence.of)

    @cached_property
    def extracted(self) -> list[tuple[Stage, Extracted]]:
        return self._views(("extract",), Extracted.of)

    @cached_property
    def speeds(self) -> list[tuple[Stage, Speed]]:
        return self._views(("measure",), Speed.of)

    def stage(self, name: str) -> Stage | None:
        return next((stage for stage in self.stages if stage.name == name), None)

    def of_kind(self, kind: str) -> list[Stage]:
        return [stage for stage in self.stages if stage.kind == kind]

    def input(self, stage: Stage, field: str, *kinds: str) -> Stage | None:
        """The stage that another one read; None unless the results leave no doubt.

        Where they do not name it, it is the only earlier stage of its kinds.
        """
        earlier = self.stages[: self.stages.index(stage)]
        candidates = [item for item in earlier if item.kind in kinds]
        if name := stage.inputs.get(field):
            candidates = [item for item in candidates if item.name == name]
        return candidates[0] if len(candidates) == 1 else None

    def circuit_of(self, stage: Stage) -> Stage | None:
        """Where the circuit that a stage is about comes from, if there is no doubt."""
        return self.input(stage, "circuit", *CIRCUITS)

    def model_of(self, stage: Stage) -> Loaded | None:
        """The model that a stage ran, if there is no doubt."""
        loaded = self.input(stage, "model", *MODELS)
        return next((view for item, view in self.models if item is loaded), None)

    def _views(
        self, kinds: Sequence[str], read: Callable[[Fields], View]
    ) -> list[tuple[Stage, View]]:
        return [(stage, read(stage.metrics)) for stage in self.stages if stage.kind in kinds]


def read_results(run: Path) -> Results:
    """Read a run's results.

    Raises:
        RunError: there are none, they are damaged, or of another schema.
    """
    path = run / "results.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(
            f"cannot read {path}: {error.strerror}. A report needs the folder of a run of which "
            "at least one stage has finished"
        ) from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged: {error}. Run the recipe again to rewrite it") from error
    fields = Fields(data, "results.json")
    version = fields.whole("schema_version")
    if version != SCHEMA_VERSION:
        raise RunError(
            f"{path} has schema {version}, this version of Tapeout reads {SCHEMA_VERSION}: use the "
            "version that ran the recipe, or run it again"
        )
    stages = [_stage(name, item) for name, item in fields.child("stages").entries()]
    return Results(fields.text("recipe"), stages)


def _stage(name: str, fields: Fields) -> Stage:
    return Stage(
        name=name,
        kind=fields.text("kind"),
        key=fields.text("key"),
        seconds=fields.number("seconds"),
        metrics=fields.child("metrics"),
        inputs=dict(fields.child("inputs").leaves()) if "inputs" in fields else {},
        settings=fields.child("settings").leaves() if "settings" in fields else [],
        machine=fields.child("machine").leaves() if "machine" in fields else [],
        peak_mb=fields.finite("peak_mb") if "peak_mb" in fields else None,
    )
