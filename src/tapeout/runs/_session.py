"""Running one stage, with the artifacts that it reads."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..memory import peak_mb, reset_peak
from ._log import Watcher, progress_of
from ._machine import machine
from ._stage import Planned, Work
from ._store import Store


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


def finished_stage(planned: Planned, store: Store, *, reused: bool) -> Finished | None:
    """What lies in the store of a stage; None if it is not finished."""
    record = store.record(planned)
    if record is None:
        return None
    said = {field: record[field] for field in ("seconds", "peak_mb", "machine", "metrics")}
    return Finished(planned=planned, folder=store.folder(planned), reused=reused, **said)


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


class Session:
    """Runs stages, and opens artifacts when they ask for them, each once while some may ask."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._opened: dict[str, Any] = {}

    def run(self, planned: Planned, tell: Watcher) -> None:
        """Run a stage and put its artifact into the store.

        Raises:
            RunError: another process is at work on it.
            TapeoutError: whatever the stage raises.
        """
        from ..products import fast_products  # PyTorch comes with it

        tell("start", planned.name)
        began = time.perf_counter()
        reset_peak()
        try:
            with self._store.working(planned) as folder, fast_products():
                metrics = planned.stage.run(self._work(planned, folder, tell))
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
                self._store.finish(planned, folder, record)
        except BaseException as error:
            tell("failed", planned.name, error=f"{type(error).__name__}: {error}")
            raise
        tell("done", planned.name, seconds=seconds)

    def leave_all_but(self, keys: set[str]) -> None:
        """Let go of the rest: a recipe of twenty models does not need the memory of twenty."""
        self._opened = {key: it for key, it in self._opened.items() if key in keys}

    def open(self, planned: Planned) -> Any:
        if planned.key not in self._opened:
            folder = self._store.folder(planned)
            inputs = _Lazy(self, planned.inputs)
            self._opened[planned.key] = planned.stage.open(folder, inputs)
        return self._opened[planned.key]

    def _work(self, planned: Planned, folder: Path, tell: Watcher) -> Work:
        named = {field: i for field, i in planned.inputs.items() if i}
        records = {field: self._store.record(i) or {} for field, i in named.items()}
        return Work(
            folder=folder,
            inputs=_Lazy(self, planned.inputs),
            folders={field: self._store.folder(i) for field, i in named.items()},
            metrics={field: record["metrics"] for field, record in records.items()},
            progress=progress_of(planned.name, tell),
        )


class _Lazy(Mapping[str, Any]):
    def __init__(self, session: Session, inputs: Mapping[str, Planned | None]) -> None:
        self._session, self._inputs = session, inputs

    def __getitem__(self, field: str) -> Any:
        planned = self._inputs[field]
        return None if planned is None else self._session.open(planned)

    def __iter__(self) -> Iterator[str]:
        return iter(self._inputs)

    def __len__(self) -> int:
        return len(self._inputs)
