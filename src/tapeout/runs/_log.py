"""What a run says while it goes: lines of `events.jsonl`, and word to whoever watches."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from ..errors import RunError
from ._stage import Progress

INTERVAL = 0.1
"""Least seconds between two progress events of a stage."""

Event = Literal["start", "progress", "done", "reused", "failed", "unreached"]

Watcher = Callable[..., None]
"""Called as `watch(event, stage, **details)` while a run goes; the command line draws it."""


def silent(event: Event, stage: str, **details: Any) -> None:
    pass


def progress_of(stage: str, tell: Watcher) -> Progress:
    """Tells of a stage's steps, at most one an interval; of the last one always."""
    last = 0.0

    def progress(done: int, total: int, **numbers: int | float) -> None:
        nonlocal last
        now = time.monotonic()
        if done >= total or now - last >= INTERVAL:
            last = now
            tell("progress", stage, done=done, total=total, **numbers)

    return progress


class Log:
    """Events to the run's file and to whoever watches."""

    def __init__(self, path: Path, watch: Watcher) -> None:
        self._path, self._watch = path, watch

    def __enter__(self) -> "Log":
        try:
            self._file = self._path.open("a", encoding="utf-8")
        except OSError as error:
            raise RunError(f"cannot write {self._path}: {error}") from error
        self._write("began", "")  # nothing of an earlier run, which may have been killed, goes on
        return self

    def __exit__(self, *exception: object) -> None:
        self._write("ended", "")  # whoever follows the file knows that no more will come
        self._file.close()

    def __call__(self, event: Event, stage: str, **details: Any) -> None:
        self._write(event, stage, **details)
        self._watch(event, stage, **details)

    def _write(self, event: str, stage: str, **details: Any) -> None:
        entry = {"time": round(time.time(), 3), "event": event, "stage": stage} | details
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
