"""A capability made better: pairs of traces, the chosen components, and what every arm gained."""

import json
from pathlib import Path
from typing import Any

from ...errors import RunError
from .._amplified import Gain
from .._results import Results, Stage
from .._text import clean
from .._values import Average, Share
from ._files import folder_of
from ._values import bounds, prose

MOST_PAIRS = 300
"""Pairs of one stage that go along, the first ones."""

LONGEST = 4000
"""Characters of a question or of a part of a trace that go along."""

RISES = ("rise", "random", "over_random")


def amplified(results: Results, run: Path, notes: list[str]) -> dict[str, Any] | None:
    """Everything of that; None if there is nothing.

    Raises:
        RunError: the results are damaged.
    """
    pairs = [_pairs(stage, run, notes) for stage in results.of_kind("pivots")]
    chosen = [_chosen(stage) for stage in results.of_kind("localise")]
    arms = [_arm(results, stage) for stage in results.of_kind("solve")]
    if not (pairs or chosen or len(arms) > 1):
        return None
    return {"pairs": pairs, "chosen": chosen, "arms": arms}


def _pairs(stage: Stage, run: Path, notes: list[str]) -> dict[str, Any]:
    about = {"name": stage.name, "method": stage.metrics.text("method")}
    about |= {"split": stage.metrics.text("split"), "n": stage.metrics.whole("n")}
    folder = folder_of(run, stage)
    try:
        rows = _texts(folder / "texts.jsonl") if folder else []
    except RunError as error:
        notes.append(f"{stage.name}: the texts of its pairs ({clean(str(error))})")
        rows = []
    if len(rows) > MOST_PAIRS:
        left = len(rows) - MOST_PAIRS
        notes.append(f"{stage.name}: the texts of {left:,} of {len(rows):,} pairs, the last ones")
    return about | {"rows": rows[:MOST_PAIRS]}


def _texts(path: Path) -> list[dict[str, Any]]:
    """Rows as an older run may not have left them.

    Raises:
        RunError: they are damaged.
    """
    if not path.is_file():
        return []
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [_row(line) for line in lines]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RunError(f"{path} is damaged: {error}") from error


def _row(line: dict[str, Any]) -> dict[str, Any]:
    texts = ("question", "before", "sampled", "after", "greedy", "greedy_trace")
    row: dict[str, Any] = {key: prose(str(line[key]), LONGEST) for key in texts}
    row |= {"answer": clean(line["answer"]), "greedy_right": bool(line["greedy_right"])}
    return row | {"problem": clean(f"{line['template_id']} {line['instance_id']}")}


def _chosen(stage: Stage) -> dict[str, Any]:
    metrics, evidence = stage.metrics, stage.metrics.child("evidence")
    layers = metrics.children("by_layer") if "by_layer" in metrics else []
    rows = [
        [
            row.whole("layer"),
            f"{row.text('site')}:{row.text('granularity')}",
            row.whole("kept"),
            row.whole("total"),
        ]
        for row in layers
    ]
    return {
        "name": stage.name,
        "share": metrics.finite("share"),
        "penalty": metrics.finite("penalty"),
        "split": evidence.text("split"),
        "n": evidence.whole("n"),
        **{key: bounds(Average.of(evidence.child(key))) for key in RISES},
        "rows": rows,
    }


def _arm(results: Results, stage: Stage) -> dict[str, Any]:
    """How many problems a model solves, and beside its baseline how many more."""
    metrics = stage.metrics
    found = Share.of(metrics.child("accuracy"))
    gain = Gain.of(metrics.child("gain").child("by_problem")) if "gain" in metrics else None
    model = results.stage(stage.inputs.get("model", ""))
    changed = model.inputs.get("circuit", "") if model else ""
    return {
        "name": stage.name,
        "model": model.name if model else "",
        "kind": model.kind if model else "",
        "circuit": changed,
        "split": metrics.text("split"),
        "n": found.n,
        "against": stage.inputs.get("against", ""),
        "accuracy": bounds(found),
        "gain": bounds(gain.points) if gain else None,
        "p": gain.p if gain else None,
    }
