"""Running a recipe: each stage once, finished ones never again."""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from ..errors import RunError, TaskError
from ..memory import peak_mb, reset_peak
from ._machine import machine
from ._recipe import Recipe
from ._stage import Planned, Work
from ._store import SCHEMA_VERSION, Store, write_json

INTERVAL = 0.1
"""Least seconds between two progress events of a stage."""

Event = Literal["start", "progress", "done", "reused", "failed", "unreached"]


Watcher = Callable[..., None]
"""Called as `watch(event, stage, **details)` while a run goes; the command line draws it."""


def _silent(event: Event, stage: str, **details: Any) -> None:
    pass


@dataclass(frozen=True)
class Finished:
    """A finished stage of a run.

    Attributes:
        reused: it was there already.
        seconds: that it took when it ran.
        peak_mb: the most memory that the process held meanwhile, in MiB.
        machine: on what it ran, see `machine`.
    """

    planned: Planned
    folder: Path
    seconds: float
    peak_mb: float
    machine: dict[str, Any]
    metrics: dict[str, Any]
    reused: bool


def run_recipe(
    recipe: Recipe,
    out: str | Path,
    watch: Watcher = _silent,
    *,
    unreached: dict[str, str] | None = None,
) -> dict[str, Finished]:
    """Run what is not there yet and write `results.json`, `events.jsonl` and `recipe.json`.

    Artifacts lie in `.stages` beside `out`, by key, so runs that lie side by side share what they
    have in common; `out/stages` links to those of this run. A stage that is interrupted, also by
    `kill -9`, starts again from what it had saved.

    Args:
        recipe: what to run.
        out: the run's folder.
        watch: told what happens.
        unreached: if given, a stage that asks of a model what it cannot do (`TaskError`) does not
            end the run: its name and why go in here, and what would read it is left out.

    Raises:
        RunError: a folder cannot be written, or another run is at work on the same stage.
        TapeoutError: whatever a stage raises.
    """
    out = Path(out)
    store = Store(out.absolute().parent / ".stages")
    try:
        (out / "stages").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot write to {out}: {error}. Choose another --out") from error
    write_json(out / "recipe.json", recipe.source)
    finished: dict[str, Finished] = {}
    session = _Session(finished)
    with _Log(out / "events.jsonl", watch) as log:
        for place, planned in enumerate(recipe.stages):
            session.leave_all_but(read_by(recipe.stages[place:]))
            if any(i and i.name not in finished for i in planned.inputs.values()):
                continue
            try:
                finished[planned.name] = _one(planned, store, session, log)
            except TaskError as error:
                if unreached is None:
                    raise
                unreached[planned.name] = str(error)
                log("unreached", planned.name, why=str(error))
                continue
            _link(out / "stages" / planned.name, finished[planned.name].folder)
            write_results(recipe, out, finished)
    return finished


def read_by(stages: Iterable[Planned]) -> set[str]:
    """Keys of the stages whose artifacts these may open: their inputs, and the inputs of those."""
    found: set[str] = set()
    left = [planned for stage in stages for planned in stage.inputs.values()]
    while left:
        planned = left.pop()
        if planned is not None and planned.key not in found:
            found.add(planned.key)
            left += planned.inputs.values()
    return found


def write_results(recipe: Recipe, out: Path, finished: Mapping[str, Finished]) -> None:
    """`results.json`: every number of every finished stage under stable keys."""
    stages = {
        name: {
            "kind": item.planned.stage.kind,
            "key": item.planned.key,
            "seconds": item.seconds,
            "metrics": item.metrics,
            "peak_mb": item.peak_mb,
            "settings": item.planned.stage.settings(),
            "inputs": {f: i.name for f, i in item.planned.inputs.items() if i},
            "machine": item.machine,
        }
        for name, item in finished.items()
    }
    results = {"schema_version": SCHEMA_VERSION, "recipe": recipe.name, "stages": stages}
    write_json(out / "results.json", results)


def _one(planned: Planned, store: Store, session: "_Session", log: "_Log") -> Finished:
    record = store.record(planned)
    if record is not None:
        log("reused", planned.name)
        return _finished(planned, store, record, reused=True)
    log("start", planned.name)
    began = time.perf_counter()
    reset_peak()
    try:
        with store.working(planned) as folder:
            metrics = planned.stage.run(session.work(planned, folder, log))
            seconds = time.perf_counter() - began
            record = {
                "name": planned.name,
                "kind": planned.stage.kind,
                "key": planned.key,
                "settings": planned.stage.settings(),
                "inputs": {f: i.key if i else None for f, i in planned.inputs.items()},
                "machine": machine(),
                "seconds": seconds,
                "peak_mb": peak_mb(),
                "metrics": metrics,
            }
            store.finish(planned, folder, record)
    except BaseException as error:
        log("failed", planned.name, error=f"{type(error).__name__}: {error}")
        raise
    log("done", planned.name, seconds=seconds)
    return _finished(planned, store, record, reused=False)


def _finished(planned: Planned, store: Store, record: dict[str, Any], *, reused: bool) -> Finished:
    # what just ran goes through JSON too, so that a first and a resumed run report alike
    plain = json.loads(json.dumps(record))
    return Finished(
        planned=planned,
        folder=store.folder(planned),
        seconds=plain["seconds"],
        peak_mb=plain["peak_mb"],
        machine=plain["machine"],
        metrics=plain["metrics"],
        reused=reused,
    )


class _Session:
    """Opens artifacts when they are asked for, each once while later stages may ask for it."""

    def __init__(self, finished: Mapping[str, Finished]) -> None:
        self._finished = finished
        self._opened: dict[str, Any] = {}

    def open(self, planned: Planned) -> Any:
        if planned.key not in self._opened:
            folder = self._finished[planned.name].folder
            inputs = _Lazy(self, planned.inputs)
            self._opened[planned.key] = planned.stage.open(folder, inputs)
        return self._opened[planned.key]

    def leave_all_but(self, keys: set[str]) -> None:
        """Let go of the rest: a recipe of twenty models does not need the memory of twenty."""
        self._opened = {key: it for key, it in self._opened.items() if key in keys}

    def work(self, planned: Planned, folder: Path, log: "_Log") -> Work:
        named = {field: self._finished[i.name] for field, i in planned.inputs.items() if i}
        return Work(
            folder=folder,
            inputs=_Lazy(self, planned.inputs),
            folders={field: item.folder for field, item in named.items()},
            metrics={field: item.metrics for field, item in named.items()},
            progress=partial(log.progress, planned.name),
        )


class _Lazy(Mapping[str, Any]):
    def __init__(self, session: _Session, inputs: Mapping[str, Planned | None]) -> None:
        self._session, self._inputs = session, inputs

    def __getitem__(self, field: str) -> Any:
        planned = self._inputs[field]
        return None if planned is None else self._session.open(planned)

    def __iter__(self) -> Iterator[str]:
        return iter(self._inputs)

    def __len__(self) -> int:
        return len(self._inputs)


class _Log:
    """Events to the run's file and to whoever watches."""

    def __init__(self, path: Path, watch: Watcher) -> None:
        self._path, self._watch = path, watch
        self._last = 0.0

    def __enter__(self) -> "_Log":
        try:
            self._file = self._path.open("a", encoding="utf-8")
        except OSError as error:
            raise RunError(f"cannot write {self._path}: {error}") from error
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

    def progress(self, stage: str, done: int, total: int, **numbers: int | float) -> None:
        """At most one line per interval; the last step always."""
        now = time.monotonic()
        if done >= total or now - self._last >= INTERVAL:
            self._last = now
            self("progress", stage, done=done, total=total, **numbers)


def _link(link: Path, target: Path) -> None:
    """Point `link` at an artifact, by a relative path, so that the runs can be moved together."""
    try:
        if link.is_symlink() or link.exists():
            link.unlink()
        link.symlink_to(os.path.relpath(target, link.parent), target_is_directory=True)
    except OSError:
        pass  # no symlinks here (Windows without the right): results.json names the key
