"""What the run measured of single nodes: effects, contexts, activations."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import RunError
from .._fields import Fields
from .._results import Results, Stage
from .._text import clean, seen_lines
from ._files import folder_of, read_json, read_tensors
from ._pack import Pack
from ._prompts import prompts_of
from ._universe import Nodes

LONGEST = 400
"""Characters of a prompt that go along, the last ones."""

MOST_ACTIVATIONS = 1_000_000
"""So many activations of a circuit on pairs go along; of more pairs, the first ones."""


def facts_of(
    results: Results, run: Path, circuit: Stage, universe: Nodes, pack: Pack, notes: list[str]
) -> dict[str, Any]:
    """Everything that `checks` and `activations` stages of a circuit found, by node."""
    facts: dict[str, Any] = {}
    for stage in results.of_kind("checks"):
        if results.circuit_of(stage) is circuit:
            if "effects" in stage.metrics:
                facts["effects"] = _effects(stage.metrics, universe, pack)
            if "contexts" in stage.metrics:
                facts["contexts"] = _contexts(stage.metrics, universe)
    for stage in results.of_kind("activations"):
        folder = folder_of(run, stage)
        if results.circuit_of(stage) is circuit and folder is not None:
            try:
                facts["activations"] = _activations(stage, folder, universe, pack, notes)
            except RunError as error:
                notes.append(f"{stage.name}: activations ({clean(str(error))})")
    return facts


def _effects(metrics: Fields, universe: Nodes, pack: Pack) -> dict[str, Any]:
    rows = metrics.child("effects").children("rows")
    numbers = _numbers([row.text("node") for row in rows], universe)
    kept = [(number, row) for number, row in zip(numbers, rows, strict=True) if number >= 0]
    bounds = {
        side: [[row.child(side).finite(key) for key in ("value", "low", "high")] for _, row in kept]
        for side in ("in_circuit", "in_model")
    }
    return {
        "split": metrics.text("split"),
        "n": metrics.whole("n"),
        "nodes": pack.array([number for number, _ in kept], "u4"),
        **{side: pack.array(values, "f4") for side, values in bounds.items()},
    }


def _contexts(metrics: Fields, universe: Nodes) -> dict[str, Any]:
    """Node -> percentiles, each with its activation and its contexts."""
    found: dict[str, Any] = {}
    for row in metrics.child("contexts").children("rows"):
        number = universe.number(row.text("node"))
        if number is not None:
            found[str(number)] = [_percentile(item) for item in row.children("percentiles")]
    return {"split": metrics.text("text", ""), "rows": found}


def _percentile(item: Fields) -> list[Any]:
    contexts = [
        [
            own.finite("activation"),
            *(seen_lines(own.text(part)) for part in ("before", "token", "after")),
        ]
        for own in item.children("contexts")
    ]
    return [item.finite("percentile"), item.finite("activation"), contexts]


def _activations(
    stage: Stage, folder: Path, universe: Nodes, pack: Pack, notes: list[str]
) -> dict[str, Any]:
    """Raises: RunError: the files are damaged."""
    about = read_json(folder / "activations.json")
    arrays = read_tensors(folder / "activations.safetensors")
    try:
        numbers = _numbers(about["nodes"], universe)
        known = [place for place, number in enumerate(numbers) if number >= 0]
        pairs = arrays["pairs"][known]
        room = max(MOST_ACTIVATIONS // max(2 * len(known), 1), 1)
        if pairs.shape[1] > room:
            left = pairs.shape[1] - room
            notes.append(f"{stage.name}: activations on {left:,} pairs, the last ones")
            pairs = pairs[:, :room]
        tree: dict[str, Any] = {
            "nodes": pack.array([numbers[place] for place in known], "u4"),
            "split": clean(about["split"]),
            "pairs": [_pair(item) for item in about["pairs"][: pairs.shape[1]]],
            "values": pack.rows(pairs),
        }
        if about.get("text"):
            tree["text"] = _text(about, arrays, known, pack)
        if about.get("prompts"):
            said: list[str] = []
            tree["prompts"] = prompts_of(about["prompts"], arrays, known, pack, said)
            notes += [f"{stage.name}: {note}" for note in said]
        return tree
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise RunError(f"{folder / 'activations.json'} is damaged: {error}") from error


def _pair(item: Sequence[str]) -> list[str]:
    return [seen_lines(clean(_tail(text), LONGEST + 1)) for text in item]


def _tail(text: str) -> str:
    return text if len(text) <= LONGEST else f"…{text[-LONGEST:]}"


def _text(
    about: dict[str, Any], arrays: dict[str, Any], known: list[int], pack: Pack
) -> dict[str, Any]:
    """Contexts as places in documents; documents that none of them is in stay out."""
    places = arrays["context_places"][known].astype(np.int64)
    used = np.unique(places[places[..., 0] >= 0][:, 0])
    renumbered = np.full(max(len(about["documents"]), 1), -1)
    renumbered[used] = np.arange(len(used))
    own = np.where(places[..., 0] >= 0, renumbered[places[..., 0]], -1)
    words: dict[str, int] = {}
    documents = [
        pack.array(
            [words.setdefault(seen_lines(clean(t)), len(words)) for t in about["documents"][d]],
            "u4",
        )
        for d in used
    ]
    return {
        "split": clean(about["text"]),
        "percentiles": about["percentiles"],
        "levels": pack.array(arrays["levels"][known], "f4"),
        "each": int(places.shape[2]),
        "document": pack.array(own, "i4"),
        "position": pack.array(places[..., 1], "u4"),
        "values": pack.array(arrays["context_values"][known], "f4"),
        "documents": documents,
        "words": list(words),
    }


def _numbers(names: Sequence[str], universe: Nodes) -> list[int]:
    """Numbers of nodes; -1 for one that the universe does not have."""
    found = (universe.number(name) for name in names)
    return [-1 if number is None else number for number in found]
