"""A stage that runs public benchmarks, to see what a change did elsewhere."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ...amplify import SHOTS, harness
from .._stage import Stage, Work, ref
from ._artifacts import MODELS

ROWS = "rows.json"
NORMAL = 1.96


@dataclass(frozen=True, kw_only=True)
class HarnessStage(Stage):
    """A model in lm-evaluation-harness, see `amplify.harness`.

    Attributes:
        against: an earlier one of the model's base; differences are taken row by row.
        tasks: names of the harness's tasks and groups, by default those of paper 2.
        limit: only the first so many questions of every task; 0 takes all.
        batch_size: rows at once.
        seed: of the choice of worked examples.
    """

    kind: ClassVar[str] = "harness"
    room: ClassVar[str] = "amplify"
    model: str = ref(*MODELS)
    against: str = ref("harness", named=True)
    tasks: tuple[str, ...] = tuple(SHOTS)
    limit: int = 0
    batch_size: int = 8
    seed: int = 1234

    def run(self, work: Work) -> dict[str, Any]:
        rows = harness(
            work.inputs["model"],
            self.tasks,
            limit=self.limit or None,
            batch_size=self.batch_size,
            seed=self.seed,
        )
        (work.folder / ROWS).write_text(json.dumps(rows), encoding="utf-8")
        before = {_place(row): row for row in work.inputs["against"] or ()}
        return {"rows": [row | _difference(row, before.get(_place(row))) for row in rows]}

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
        return json.loads((folder / ROWS).read_text(encoding="utf-8"))


def _place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What has to be the same for two numbers to be compared."""
    return row["task"], row["metric"], row["n"], row["shots"]


def _difference(row: Mapping[str, Any], base: Mapping[str, Any] | None) -> dict[str, float]:
    """From the base, with a 95% interval as if the questions were others: wider than need be."""
    if base is None:
        return {}
    errors = (row["stderr"], base["stderr"])
    found = {"base": base["value"], "difference": row["value"] - base["value"]}
    if None not in errors:
        half = NORMAL * math.hypot(*errors)
        found |= {"low": found["difference"] - half, "high": found["difference"] + half}
    return found
