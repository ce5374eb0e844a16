"""What the stages of a run reported step by step."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...errors import RunError
from .._fields import Fields
from .._results import Results, Stage
from .._text import clean
from ._files import folder_of, read_json
from ._pack import Pack

MOST = 600
"""Points of a curve; a longer one is averaged over stretches."""

Points = list[tuple[float, dict[str, float]]]
_NO_VALUE = {"step", "done", "total", "time"}


def curves(results: Results, run: Path, pack: Pack, notes: list[str]) -> list[dict[str, Any]]:
    """A curve per stage that has one: what it stored, else what it said while it ran."""
    events = _events(run / "events.jsonl")
    found: list[dict[str, Any]] = []
    for stage in results.stages:
        try:
            points = _stored(stage, run)
        except RunError as error:
            notes.append(f"the curve of {stage.name} ({clean(str(error))})")
            points = []
        points = points or events.get(stage.name, [])
        terms = sorted({term for _, values in points for term in values})
        if len(points) > 1 and terms:
            found.append(_tree(stage, points, terms, pack))
    return found


def _tree(stage: Stage, points: Points, terms: list[str], pack: Pack) -> dict[str, Any]:
    shown = _thinned(points)
    return {
        "name": stage.name,
        "kind": stage.kind,
        "points": len(points),
        "step": pack.array([step for step, _ in shown], "f4"),
        "terms": [
            {
                "name": clean(term),
                # a term that is not told at every step has gaps
                "there": pack.bits([term in values for _, values in shown]),
                "values": pack.array([values.get(term, 0.0) for _, values in shown], "f4"),
            }
            for term in terms
        ],
    }


def _stored(stage: Stage, run: Path) -> Points:
    """In its metrics, or beside its artifact.

    Raises:
        RunError: it is damaged.
    """
    if "curve" in stage.metrics:
        rows = [dict(_numbers(row)) for row in stage.metrics.children("curve")]
        return [(row.get("step", float(place)), _values(row)) for place, row in enumerate(rows, 1)]
    folder = folder_of(run, stage)
    if folder is None or not (folder / "curve.json").is_file():
        return []
    rows = read_json(folder / "curve.json")
    if not isinstance(rows, list):
        raise RunError(f"{folder / 'curve.json'} is damaged: not a list")
    plain = [_finite(row) for row in rows if isinstance(row, Mapping)]
    return [(row.get("step", float(place)), _values(row)) for place, row in enumerate(plain, 1)]


def _numbers(row: Fields) -> Iterable[tuple[str, float]]:
    for key, text in row.leaves():
        try:
            value = float(text)
        except ValueError:
            continue
        if _small(value):
            yield key, value


def _finite(row: Mapping[str, Any]) -> dict[str, float]:
    return {
        str(key): float(value)
        for key, value in row.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and _small(value)
    }


def _small(value: int | float) -> bool:
    """A finite number that a float of four bytes has room for."""
    return abs(value) < 1e38 and math.isfinite(value)


def _values(row: Mapping[str, float]) -> dict[str, float]:
    return {key: value for key, value in row.items() if key not in _NO_VALUE}


def _events(path: Path) -> dict[str, Points]:
    """Stage -> progress with numbers, of the last time that it started."""
    found: dict[str, Points] = {}
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    for line in lines:
        try:
            entry = json.loads(line)
            stage, event = clean(entry["stage"]), entry["event"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue  # the last line may be torn while the run goes on
        if event == "start":
            found[stage] = []
        elif event == "progress":
            row = _finite(entry)
            if values := _values(row):
                found.setdefault(stage, []).append((row.get("done", 0.0), values))
    return found


def _thinned(points: Points) -> Points:
    length = -(-len(points) // MOST)
    shown: Points = []
    for start in range(0, len(points), length):
        part = points[start : start + length]
        sums: dict[str, list[float]] = {}
        for _, values in part:
            for term, value in values.items():
                sums.setdefault(term, []).append(value)
        shown.append((part[-1][0], {term: sum(v) / len(v) for term, v in sums.items()}))
    return shown
