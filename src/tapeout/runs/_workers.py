"""Where stages run: in this process one after another, or in several processes side by side."""

import multiprocessing
import pickle
import signal
import traceback
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from ..errors import RunError, TapeoutError
from ._log import Watcher
from ._session import Session
from ._stage import Planned
from ._store import Store

Ended = list[tuple[Planned, Exception | None]]
"""Stages that ran, and what they raised."""


class Workers(ABC):
    """What runs stages, as a context manager; leaving it stops what still runs."""

    def __enter__(self) -> "Workers":
        return self

    @abstractmethod
    def __exit__(self, *exception: object) -> None: ...

    @property
    @abstractmethod
    def running(self) -> list[Planned]:
        """Stages that have started and of which `ended` has not told."""

    @property
    @abstractmethod
    def free(self) -> bool:
        """Whether one more can start."""

    @abstractmethod
    def start(self, planned: Planned, keep: set[str]) -> None:
        """Run a stage whose inputs are finished.

        Args:
            planned: the stage.
            keep: keys of the artifacts that it or later stages may read.
        """

    @abstractmethod
    def ended(self) -> Ended:
        """Wait until at least one has ended; none starts meanwhile."""


def workers(jobs: int, store: Store, tell: Watcher) -> Workers:
    """For so many stages at once."""
    return _Here(store, tell) if jobs == 1 else _Processes(jobs, store, tell)


class _Here(Workers):
    """This process: a stage has ended when `start` comes back."""

    def __init__(self, store: Store, tell: Watcher) -> None:
        self._session, self._tell = Session(store), tell
        self._ended: Ended = []

    def __exit__(self, *exception: object) -> None:
        pass

    @property
    def running(self) -> list[Planned]:
        return [planned for planned, _ in self._ended]

    @property
    def free(self) -> bool:
        return not self._ended

    def start(self, planned: Planned, keep: set[str]) -> None:
        self._session.leave_all_but(keep)
        try:
            self._session.run(planned, self._tell)
        except Exception as error:
            self._ended.append((planned, error))
        else:
            self._ended.append((planned, None))

    def ended(self) -> Ended:
        found, self._ended = self._ended, []
        return found


@dataclass(frozen=True)
class _Job:
    planned: Planned
    keep: set[str]
    threads: int


@dataclass(frozen=True)
class _Threads:
    count: int


@dataclass(frozen=True)
class _Said:
    event: str
    stage: str
    details: dict[str, Any]


@dataclass(frozen=True)
class _Over:
    error: Exception | None


@dataclass(frozen=True, eq=False)
class _Process:
    process: BaseProcess
    pipe: "Connection[Any, Any]"


class _Processes(Workers):
    """Processes that start when they are needed and share the threads of this one.

    Threads beyond the cores wait for each other, which takes several times as long; so every stage
    starts with its share of them, and gets those that are free, or gives them back, when it next
    tells of its progress.
    """

    def __init__(self, jobs: int, store: Store, tell: Watcher) -> None:
        import torch

        self._jobs, self._root, self._tell = jobs, store.root, tell
        self._threads = torch.get_num_threads()
        self._spawn = multiprocessing.get_context("spawn")  # forks of a process with threads hang
        self._idle: list[_Process] = []
        self._busy: dict[_Process, Planned] = {}

    def __exit__(self, *exception: object) -> None:
        for worker, planned in self._busy.items():
            worker.process.terminate()  # no more than kill -9 would do: what it has saved stays
            self._tell("failed", planned.name, error="the run was stopped")
        for worker in [*self._busy, *self._idle]:
            worker.pipe.close()
            worker.process.join()

    @property
    def running(self) -> list[Planned]:
        return [*self._busy.values()]

    @property
    def free(self) -> bool:
        return len(self._busy) < self._jobs

    def start(self, planned: Planned, keep: set[str]) -> None:
        worker = self._idle.pop() if self._idle else self._another()
        self._busy[worker] = planned
        self._send(worker, _Job(planned, keep, self._share(self._jobs)))

    def _share(self, stages: int) -> int:
        return max(1, self._threads // stages)

    @staticmethod
    def _send(worker: _Process, what: "_Job | _Threads") -> None:
        with suppress(OSError):  # one that has died meanwhile is met by `ended`
            worker.pipe.send(what)

    def ended(self) -> Ended:
        for worker in self._busy:
            self._send(worker, _Threads(self._share(len(self._busy))))
        found: Ended = []
        while not found:
            ready = wait([worker.pipe for worker in self._busy])
            for worker in [worker for worker in self._busy if worker.pipe in ready]:
                message = self._heard(worker)
                if isinstance(message, _Said):
                    self._tell(message.event, message.stage, **message.details)
                    continue
                found.append((self._busy.pop(worker), message.error))
                if worker.process.is_alive():
                    self._idle.append(worker)
        return found

    def _heard(self, worker: _Process) -> _Said | _Over:
        try:
            return worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join()
            worker.pipe.close()
            stage, code = self._busy[worker].name, worker.process.exitcode
            self._tell("failed", stage, error=f"its process was ended: exit code {code}")
            return _Over(
                RunError(
                    f"the process that ran stage {stage!r} was ended from outside (exit code "
                    f"{code}), as systems do when memory runs out: run again, with fewer --jobs if "
                    "it was that. What is finished is not run again"
                )
            )

    def _another(self) -> _Process:
        ours, theirs = self._spawn.Pipe()
        process = self._spawn.Process(target=_work, args=(theirs, self._root), daemon=True)
        process.start()
        theirs.close()
        return _Process(process, ours)


def _work(pipe: "Connection[Any, Any]", root: Path) -> None:
    """What a process does, until the run or its process ends."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run, which stops this process
    session = Session(Store(root))

    def tell(event: str, stage: str, **details: Any) -> None:
        pipe.send(_Said(event, stage, details))
        while pipe.poll():
            torch.set_num_threads(pipe.recv().count)

    with suppress(EOFError, OSError):
        while True:
            job: _Job | _Threads = pipe.recv()
            if isinstance(job, _Threads):
                continue  # for the stage before, which has ended meanwhile
            torch.set_num_threads(job.threads)
            session.leave_all_but(job.keep)
            try:
                session.run(job.planned, tell)
            except Exception as error:
                pipe.send(_Over(_portable(error)))
            else:
                pipe.send(_Over(None))


def _portable(error: Exception) -> Exception:
    """The error as another process can raise it, with where it came from if that was no one's
    purpose."""
    if not isinstance(error, TapeoutError):
        error.add_note("".join(traceback.format_exception(error)))
    try:
        # what the pipe does too; an error that cannot be made again would break it there
        return pickle.loads(pickle.dumps(error))
    except Exception:
        return RunError(f"{type(error).__name__}: {error}")
