"""The circuits of a run: which nodes or edges each keeps, and how these score."""

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import RunError
from .._results import Results, Stage
from .._text import clean
from ._facts import facts_of
from ._files import Arrays, folder_of, read_pair
from ._pack import Pack
from ._universe import Edges, Nodes
from ._wired import wired

MOST_SCORED = 200_000
"""Scores of so many kept nodes go along, the highest."""

MOST_EDGES = 20_000
"""So many kept edges go along, the strongest."""


class Circuits:
    """All circuits of a run that can be read, and what had to be left out."""

    def __init__(self, results: Results, run: Path, pack: Pack) -> None:
        self._results, self._run, self._pack = results, run, pack
        self._universes: list[Nodes] = []
        self.trees: list[dict[str, Any]] = []
        self.notes: list[str] = []
        for stage, sizes in results.circuits:
            try:
                tree = self._tree(stage)
            except (RunError, KeyError, TypeError, ValueError, IndexError) as error:
                self.notes.append(f"{stage.name}: its file cannot be shown ({clean(str(error))})")
                continue
            if tree is not None:
                about = {"name": stage.name, "method": self._method(stage)}
                self.trees.append(about | {"size": sizes.size, "share": sizes.share} | tree)

    @property
    def universes(self) -> list[dict[str, Any]]:
        return [
            {
                "spec": clean(universe.spec, 1000),
                "size": universe.size,
                "groups": [
                    [g.layer, clean(g.site), clean(g.granularity), g.start, g.count]
                    for g in universe.groups
                ],
            }
            for universe in self._universes
        ]

    def _tree(self, stage: Stage) -> dict[str, Any] | None:
        folder = folder_of(self._run, stage)
        if folder is None:
            return None
        if found := read_pair(folder, "circuit"):
            return self._of_nodes(stage, *found)
        if found := read_pair(folder, "edge_circuit"):
            return self._of_edges(stage, *found)
        return None

    def _method(self, stage: Stage) -> str:
        """What found it, as far as the results say."""
        scores = self._results.stage(stage.inputs.get("scores", ""))
        return (scores.metrics.text("method", "") if scores else "") or stage.kind

    def _of_nodes(self, stage: Stage, config: dict[str, Any], arrays: Arrays) -> dict[str, Any]:
        universe = Nodes.of(config["universe"])
        active = universe.active(_flags(arrays["kept"], universe.size))
        kept = np.flatnonzero(active)
        tree: dict[str, Any] = {
            "of": "nodes",
            "universe": self._place(universe),
            "kept": self._pack.bits(active),
            "scores": None,
        }
        values = self._scores(stage, "scores", universe.size)
        if values is not None:
            order = np.argsort(-values[kept], kind="stable")[:MOST_SCORED]
            chosen = np.sort(kept[order])
            tree["scores"] = {
                "nodes": self._pack.array(chosen, "u4"),
                "values": self._pack.rounded(values[chosen]),
            }
            if len(chosen) < len(kept):
                left = len(kept) - len(chosen)
                self.notes.append(f"{stage.name}: the scores of {left:,} nodes, the lowest")
        tree["wiring"] = wired(self._results, stage, universe, self._pack)
        tree["facts"] = facts_of(self._results, self._run, stage, universe, self._pack, self.notes)
        return tree

    def _of_edges(self, stage: Stage, config: dict[str, Any], arrays: Arrays) -> dict[str, Any]:
        universe = Edges.of(config["universe"])
        writer, reader = universe.places
        active = universe.active(_flags(arrays["kept"], len(writer)))
        kept = np.flatnonzero(active)
        values = self._scores(stage, "edge_scores", len(writer))
        own = values[kept] if values is not None else np.ones(len(kept))
        order = np.argsort(-np.abs(own), kind="stable")[:MOST_EDGES]
        if len(order) < len(kept):
            left = len(kept) - len(order)
            self.notes.append(f"{stage.name}: {left:,} of {len(kept):,} edges, the weakest")
        chosen = kept[order]
        return {
            "of": "edges",
            "writers": list(universe.writers),
            "readers": [name for name, _ in universe.readers],
            "source": self._pack.array(writer[chosen], "u2"),
            "target": self._pack.array(reader[chosen], "u2"),
            "values": self._pack.rounded(own[order]) if values is not None else None,
            "left": len(kept) - len(order),
        }

    def _scores(self, stage: Stage, kind: str, size: int) -> np.ndarray | None:
        """What the circuit was selected by."""
        scored = self._results.stage(stage.inputs.get("scores", ""))
        folder = folder_of(self._run, scored) if scored else None
        found = read_pair(folder, kind) if folder else None
        if found is None or found[1]["values"].shape != (size,):
            return None
        return found[1]["values"]

    def _place(self, universe: Nodes) -> int:
        if universe not in self._universes:
            self._universes.append(universe)
        return self._universes.index(universe)


def _flags(kept: np.ndarray, size: int) -> np.ndarray:
    if kept.shape != (size,) or kept.dtype != np.bool_:
        raise ValueError(f"{size} booleans are missing")
    return kept
