"""What a run has said while it ran: `events.jsonl`, read at any moment."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ._text import clean

Points = list[tuple[float, dict[str, float]]]
"""Steps with their numbers."""

NO_VALUE = {"step", "done", "total", "time"}


@dataclass
class Heard:
    """Of the last time that each stage started.

    Attributes:
        points: stage -> progress with numbers.
        running: stages that started and did not end, in that order; steps done and all of them.
        settled: stages that ended or were there already.
        ended: the run said that it is over.
        time: when it was last heard of, in seconds since 1970; 0 for never.
    """

    points: dict[str, Points] = field(default_factory=dict)
    running: dict[str, tuple[float, float]] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    ended: bool = False
    time: float = 0.0

    def take(self, event: str, stage: str, row: Mapping[str, float]) -> None:
        """One more event."""
        self.ended = event == "ended"
        self.time = row.get("time", self.time)
        if event == "began":
            self.running.clear()
        elif event == "start":
            self.points[stage] = []
            self.running[stage] = 0.0, 0.0
        elif event == "progress":
            self.running[stage] = row.get("done", 0.0), row.get("total", 0.0)
            if values := values_of(row):
                self.points.setdefault(stage, []).append((row.get("done", 0.0), values))
        elif event in ("done", "reused"):
            self.running.pop(stage, None)
            self.settled.add(stage)


def heard(path: Path) -> Heard:
    """All events so far; lines that are torn or of another form are passed over."""
    found = Heard()
    for entry in _entries(path):
        try:
            stage, event = clean(entry["stage"]), entry["event"]
        except (KeyError, TypeError):
            continue
        found.take(event, stage, finite(entry))
    return found


def _entries(path: Path) -> Iterable[Any]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            continue  # the last line may be torn while the run goes on


def finite(row: Mapping[str, Any]) -> dict[str, float]:
    """Its numbers."""
    return {
        str(key): float(value)
        for key, value in row.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and small(value)
    }


def small(value: int | float) -> bool:
    """A finite number that a float of four bytes has room for."""
    return abs(value) < 1e38 and math.isfinite(value)


def values_of(row: Mapping[str, float]) -> dict[str, float]:
    """What is drawn over steps."""
    return {key: value for key, value in row.items() if key not in NO_VALUE}
