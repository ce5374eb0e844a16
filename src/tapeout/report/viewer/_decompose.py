"""Directions in parameter space: where each lies, its tensors as images, its effects, its texts."""

from pathlib import Path
from typing import Any

from ...errors import RunError
from .._decomposed import ENDS, set_words, slopes_of
from .._fields import Fields
from .._results import Results, Stage
from .._text import clean, seen_lines
from .._weights_view import seen
from ._files import folder_of
from ._pack import Pack
from ._tensors import Factors, pictures

KINDS = ("decompose", "toy")
"""Stages that leave directions behind."""

MOST_CELLS = 600_000
"""Cells of all images of a page."""


def decomposed(results: Results, run: Path, pack: Pack, notes: list[str]) -> dict[str, Any] | None:
    """Everything of that; None if there is nothing.

    Raises:
        RunError: the results are damaged.
    """
    compared = [_compared(stage) for stage in results.of_kind("directions")]
    found: list[tuple[Stage, Factors]] = []
    for stage in (own for own in results.stages if own.kind in KINDS):
        folder = folder_of(run, stage)
        try:
            if folder is not None:
                found.append((stage, Factors.read(folder)))
        except RunError as error:
            notes.append(f"{stage.name}: its directions ({clean(str(error))})")
    room = MOST_CELLS // max(len(found), 1)
    learned = [_learned(*own, compared, room, pack, notes) for own in found]
    if not (learned or compared):
        return None
    return {"learned": learned, "compared": compared}


def _learned(
    stage: Stage,
    factors: Factors,
    compared: list[dict[str, Any]],
    room: int,
    pack: Pack,
    notes: list[str],
) -> dict[str, Any]:
    """One decomposition; images are of the directions with examples, and then the most active."""
    told = [d for d in _told(stage.name, compared) if 0 <= d < factors.count]
    order = list(dict.fromkeys([*told, *factors.by_activity()]))
    drawn = pictures(factors, order, room, pack)
    shown = drawn["directions"]
    if shown < factors.count:
        left = factors.count - shown
        notes.append(f"{stage.name}: images of {left:,} of {factors.count:,} directions")
    return {
        "name": stage.name,
        "kind": stage.kind,
        "count": factors.count,
        "activity": pack.array(factors.activity, "f4"),
        "drawn": pack.array(order[:shown], "u4"),
        "tensors": drawn["tensors"],
    }


def _compared(stage: Stage) -> dict[str, Any]:
    """What a `directions` stage measured of single directions."""
    metrics = stage.metrics
    examples = [_example(row) for row in metrics.children("examples")]
    sets = [
        _set(row, stage.inputs.get(f"decompositions.{place}", ""))
        for place, row in enumerate(metrics.children("sets"))
    ]
    return {
        "name": stage.name,
        "of": stage.inputs.get("decompositions.0", ""),
        "split": metrics.text("split"),
        "effect": metrics.finite("effect"),
        "sets": sets,
        "examples": examples,
    }


def _told(name: str, compared: list[dict[str, Any]]) -> list[int]:
    """Directions of a decomposition that have examples or whose effects were measured."""
    rows = [row for one in compared if one["of"] == name for row in one["examples"]]
    rows += [
        row for one in compared for own in one["sets"] if own["of"] == name for row in own["rows"]
    ]
    return [row["direction"] for row in rows]


def _set(fields: Fields, of: str) -> dict[str, Any]:
    """A set of directions, and the decomposition that it is of if it was learned."""
    specific = fields.child("specificity")
    rows = [
        {
            "direction": row.whole("direction"),
            "samples": row.whole("samples"),
            **_step(row),
            "steps": [list(_step(one).values()) for one in _steps(row)],
        }
        for row in specific.children("rows")
    ]
    return {"name": set_words(fields.text("name")), "of": of, "rows": rows}


def _step(row: Fields) -> dict[str, float]:
    """How far, and the changes where the direction is active and elsewhere."""
    return {key: row.finite(key) for key in ("moved", "active", "rest")}


def _steps(row: Fields) -> list[Fields]:
    """All that were tried; older results tell the last one alone."""
    return row.children("steps") if "steps" in row else [row]


def _example(row: Fields) -> dict[str, Any]:
    contexts = [
        [
            own.finite("impact"),
            *(seen_lines(own.text(part, "")) for part in ("before", "token", "after")),
        ]
        for own in row.children("contexts")
    ]
    ends = {end: [[seen(token), slope] for token, slope in slopes_of(row, end)] for end in ENDS}
    about = {"direction": row.whole("direction"), "used": row.finite("used")}
    return about | {"contexts": contexts} | ends
