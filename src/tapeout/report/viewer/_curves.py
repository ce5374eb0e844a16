"""What the stages of a run reported step by step."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...errors import RunError
from .._fields import Fields
from .._heard import Points, finite, heard, small, values_of
from .._results import Results, Stage
from .._text import clean
from ._files import folder_of, read_json
from ._pack import Pack

MOST = 600
"""Points of a curve; a longer one is averaged over stretches."""

NOT_FINISHED = "not finished"


def curves(results: Results, run: Path, pack: Pack, notes: list[str]) -> list[dict[str, Any]]:
    """A curve per stage that has one: what it stored, else what it said while it ran.

    Stages that run, or that ran when the run was killed, come last.
    """
    events = heard(run / "events.jsonl")
    found: list[dict[str, Any]] = []
    for stage in results.stages:
        try:
            points = _stored(stage, run)
        except RunError as error:
            notes.append(f"the curve of {stage.name} ({clean(str(error))})")
            points = []
        points = points or events.points.get(stage.name, [])
        found += _tree(stage.name, stage.kind, points, pack)
    for name in events.running:
        if results.stage(name) is None:
            found += _tree(name, NOT_FINISHED, events.points.get(name, []), pack)
    return found


def _tree(name: str, kind: str, points: Points, pack: Pack) -> list[dict[str, Any]]:
    """Nothing unless there are two points."""
    terms = sorted({term for _, values in points for term in values})
    if len(points) < 2 or not terms:
        return []
    shown = _thinned(points)
    curve = {
        "name": name,
        "kind": kind,
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
    return [curve]


def _stored(stage: Stage, run: Path) -> Points:
    """In its metrics, or beside its artifact.

    Raises:
        RunError: it is damaged.
    """
    if "curve" in stage.metrics:
        rows = [dict(_numbers(row)) for row in stage.metrics.children("curve")]
        return [
            (row.get("step", float(place)), values_of(row)) for place, row in enumerate(rows, 1)
        ]
    folder = folder_of(run, stage)
    if folder is None or not (folder / "curve.json").is_file():
        return []
    rows = read_json(folder / "curve.json")
    if not isinstance(rows, list):
        raise RunError(f"{folder / 'curve.json'} is damaged: not a list")
    return _points([finite(row) for row in rows if isinstance(row, Mapping)])


def _points(rows: list[dict[str, float]]) -> Points:
    return [(row.get("step", float(place)), values_of(row)) for place, row in enumerate(rows, 1)]


def _numbers(row: Fields) -> Iterable[tuple[str, float]]:
    for key, text in row.leaves():
        try:
            value = float(text)
        except ValueError:
            continue
        if small(value):
            yield key, value


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
