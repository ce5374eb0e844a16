"""What lies on disk: finished runs, and what a recipe would still have to do."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from ..errors import RunError
from ._recipe import Recipe
from ._store import Store
from .stages._artifacts import CIRCUITS


def list_runs(folder: Path) -> list[tuple[str, ...]]:
    """A row per run: name, recipe, stages done, circuit's share, recovery, when written.

    Raises:
        RunError: there is no such folder.
    """
    if not folder.is_dir():
        raise RunError(f"there is no folder {folder}")
    rows = []
    for path in sorted(folder.glob("*/results.json")):
        try:
            results = json.loads(path.read_text(encoding="utf-8"))
            stages = results["stages"]
            recipe = json.loads((path.parent / "recipe.json").read_text(encoding="utf-8"))
            done = f"{len(stages)} of {len(recipe['stages'])}"
            row = (path.parent.name, str(results["recipe"]), done, *_headline(stages))
        except (OSError, ValueError, KeyError):
            row = (path.parent.name, "", "damaged", "", "")
        written = datetime.fromtimestamp(path.stat().st_mtime).strftime("%Y-%m-%d %H:%M")
        rows.append((*row, written))
    return rows


def _headline(stages: dict[str, Any]) -> tuple[str, str]:
    share, recovery = "", ""
    for stage in stages.values():
        metrics = stage["metrics"]
        if stage["kind"] in CIRCUITS:
            share = f"{metrics['share']:.1%}"
        if stage["kind"] == "verify":
            recovery = f"{metrics['autoregressive']['value']:.1%} ({metrics['replacement']})"
    return share, recovery


def dry_run(recipe: Recipe, out: Path) -> list[tuple[str, str, str, str]]:
    """A row per stage: name, kind, what it reads, whether it is there already."""
    root = out.absolute().parent / ".stages"
    store = Store(root) if root.is_dir() else None
    rows = []
    for planned in recipe.stages:
        reads = ", ".join(i.name for i in planned.inputs.values() if i)
        there = store is not None and store.record(planned) is not None
        rows.append((planned.name, planned.stage.kind, reads, "finished" if there else "to run"))
    return rows
