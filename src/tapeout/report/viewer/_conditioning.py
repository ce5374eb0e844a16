"""What conditioning did: sizes of circuits, merge scales, where activity lies, transfer."""

from collections.abc import Iterator
from typing import Any

from .._conditioned import Conditioned
from .._fields import Fields
from .._results import MODELS, Results, Stage
from .._text import universe_words
from .._transfer import Transfer
from .._values import Setting, Share
from ._values import bounds

EACH = (("energy", "model"), ("base_energy", "base"))
"""A part of an audit, and the input that it is of."""


def conditioning(results: Results) -> dict[str, Any] | None:
    """Everything of that; None where there is nothing but frontiers, which a section shows too.

    Raises:
        RunError: the results are damaged.
    """
    sweeps = [_sweep(stage.name, found) for stage, found in results.conditioned]
    transfers = [_transfer(stage.name, found) for stage, found in results.transfers]
    energy = [_energy(stage) for stage in results.of_kind("audit") if "energy" in stage.metrics]
    if not (sweeps or transfers or energy):
        return None
    frontiers = [*_frontiers(results), *_smallest(results)]
    return {"frontiers": frontiers, "sweeps": sweeps, "energy": energy, "transfers": transfers}


def _frontiers(results: Results) -> Iterator[dict[str, Any]]:
    for stage in results.of_kind("frontier"):
        scores = results.stage(stage.inputs.get("scores", ""))
        universe = scores.metrics.text("universe", "") if scores else ""
        found = stage.metrics
        chosen = found.child("smallest") if "smallest" in found else None
        target = found.finite("target")
        if found.flag("relative"):
            target *= Share.of(found.child("full")).value
        yield _frontier(results, stage, found, universe, chosen, target)


def _smallest(results: Results) -> Iterator[dict[str, Any]]:
    for stage in results.of_kind("smallest"):
        universe, target = stage.metrics.text("universe"), stage.metrics.finite("target")
        for _, found in stage.metrics.named("replacements"):
            chosen = found.child("absolute") if "absolute" in found else None
            yield _frontier(results, stage, found, universe, chosen, target)


def _frontier(
    results: Results,
    stage: Stage,
    found: Fields,
    universe: str,
    chosen: Fields | None,
    target: float,
) -> dict[str, Any]:
    setting = Setting.of(found)
    model = results.input(stage, "model", *MODELS)
    keys = ("share", "accuracy", "low", "high")
    points = [
        [point.whole("size"), *(point.finite(key) for key in keys)]
        for point in found.children("points")
    ]
    return {
        "name": stage.name,
        "model": model.name if model else "",
        "split": setting.split,
        "replacement": setting.replacement,
        "universe": universe_words(universe),
        "full": bounds(Share.of(found.child("full"))),
        "target": target,
        "chosen": chosen.whole("size") if chosen else None,
        "points": sorted(points),
    }


def _sweep(title: str, found: Conditioned) -> dict[str, Any]:
    points = [
        {
            "scale": point.scale,
            "accuracy": bounds(point.accuracy),
            "kl": bounds(point.kl),
            "recovery": [[what, bounds(accuracy)] for what, accuracy in point.recovery],
        }
        for point in found.scales
    ]
    return {
        "name": title,
        "words": found.words,
        "split": found.split,
        "scale": found.scale,
        "target": found.target,
        "share": found.channels,
        "points": points,
    }


def _energy(stage: Stage) -> dict[str, Any]:
    """A circuit's part of every layer's activity, by group of positions, in one or two models."""
    models = [
        {"name": stage.inputs.get(side, side), "groups": _groups(stage.metrics.child(part))}
        for part, side in EACH
        if part in stage.metrics
    ]
    return {
        "name": stage.name,
        "circuit": stage.inputs.get("circuit", ""),
        "split": stage.metrics.text("split"),
        "n": stage.metrics.whole("n"),
        "models": models,
    }


def _groups(fields: Fields) -> list[list[Any]]:
    """Group -> its layers: number, share of channels, of activity, of what is written."""
    groups: dict[str, list[list[Any]]] = {}
    for row in fields.children("rows"):
        parts = (("kept", "channels"), ("kept_activity", "activity"), ("kept_write", "write"))
        shares = [_share(*(row.finite(key) for key in part)) for part in parts]
        group = f"{row.text('stratum')}: {row.text('value')}"
        groups.setdefault(group, []).append([row.whole("layer"), *shares])
    return [[group, sorted(rows)] for group, rows in groups.items()]


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _transfer(title: str, found: Transfer) -> dict[str, Any]:
    cells = [
        {
            "circuit": cell.circuit,
            "model": cell.model,
            "own": cell.own,
            "size": cell.size,
            "alone": bounds(cell.alone),
            "empty": bounds(cell.empty),
            "full": bounds(cell.full),
        }
        for cell in found.cells
    ]
    return {
        "name": title,
        "words": found.words,
        "circuits": [circuit for circuit, _ in found.rows],
        "models": found.models,
        "cells": cells,
    }
