"""Running a recipe: each stage once, finished ones never again."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..errors import RunError, TaskError
from ._log import Log, Watcher, silent
from ._recipe import Recipe
from ._session import Finished, finished_stage, read_by
from ._stage import Planned
from ._store import SCHEMA_VERSION, Store, write_json
from ._workers import Workers, workers


def run_recipe(
    recipe: Recipe,
    out: str | Path,
    watch: Watcher = silent,
    *,
    jobs: int = 1,
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
        jobs: how many stages run at once, if none of them reads another. With more than one each
            has a process of its own with its part of this process's threads, and a model that
            several read is in memory several times. A script that asks for more needs the guard
            `if __name__ == "__main__"`, as always with processes in Python.
        unreached: if given, a stage that asks of a model what it cannot do (`TaskError`) does not
            end the run: its name and why go in here, and what would read it is left out.

    Returns:
        What ended well, by name, in the recipe's order.

    Raises:
        RunError: a folder cannot be written, jobs is below 1, another run is at work on the same
            stage, or a stage's process was ended from outside.
        TapeoutError: whatever a stage raises; those that run beside it come to their end first.
    """
    if jobs < 1:
        raise RunError(f"jobs is {jobs}: one stage at a time is the least")
    out = Path(out)
    store = Store(out.absolute().parent / ".stages")
    try:
        (out / "stages").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot write to {out}: {error}. Choose another --out") from error
    write_json(out / "recipe.json", recipe.source)
    with Log(out / "events.jsonl", watch) as log, workers(jobs, store, log) as at_work:
        run = _Run(recipe, out, store, log, unreached)
        while run.left or at_work.running:
            run.begin(at_work)
            for planned, error in at_work.ended() if at_work.running else ():
                run.end(planned, error)
    if run.failure is not None:
        raise run.failure
    return run.in_order()


class _Run:
    """Which stages are left, and what came of the others."""

    def __init__(
        self, recipe: Recipe, out: Path, store: Store, log: Log, unreached: dict[str, str] | None
    ) -> None:
        self.left = list(recipe.stages)
        self.failure: Exception | None = None
        self._recipe, self._out, self._store, self._log = recipe, out, store, log
        self._unreached = unreached
        self._finished: dict[str, Finished] = {}
        self._lost: set[str] = set()

    def begin(self, at_work: Workers) -> None:
        """Take what is there already, and start what can start."""
        while self._took_one():
            pass
        if not self.left:
            return
        ready = [planned for planned in self.left if self._ready(planned)]
        for planned in ready:
            if not at_work.free:
                break
            # two names of one stage: the second is there when the first has ended
            if planned.key not in {other.key for other in at_work.running}:
                keep = read_by(self.left)
                self.left.remove(planned)
                at_work.start(planned, keep)

    def end(self, planned: Planned, error: Exception | None) -> None:
        """A stage has run."""
        if error is None:
            self._take(planned, reused=False)
        elif isinstance(error, TaskError) and self._unreached is not None:
            self._lost.add(planned.name)
            self._unreached[planned.name] = str(error)
            self._log("unreached", planned.name, why=str(error))
        else:
            self.failure = self.failure or error
            self.left.clear()

    def in_order(self) -> dict[str, Finished]:
        """What is finished, in the recipe's order."""
        names = [planned.name for planned in self._recipe.stages]
        return {name: self._finished[name] for name in names if name in self._finished}

    def _took_one(self) -> bool:
        for planned in self.left:
            if any(i and i.name in self._lost for i in planned.inputs.values()):
                self._lost.add(planned.name)
                self.left.remove(planned)
                return True
            if self._ready(planned) and self._take(planned, reused=True):
                self.left.remove(planned)
                return True
        return False

    def _ready(self, planned: Planned) -> bool:
        return all(not i or i.name in self._finished for i in planned.inputs.values())

    def _take(self, planned: Planned, *, reused: bool) -> bool:
        """Whether the store has it."""
        found = finished_stage(planned, self._store, reused=reused)
        if found is None:
            return False
        if reused:
            self._log("reused", planned.name)
        self._finished[planned.name] = found
        _link(self._out / "stages" / planned.name, found.folder)
        write_results(self._recipe, self._out, self.in_order())
        return True


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


def _link(link: Path, target: Path) -> None:
    """Point `link` at an artifact, by a relative path, so that the runs can be moved together."""
    with suppress(OSError):  # no symlinks here (Windows without the right): results.json has keys
        if link.is_symlink() or link.exists():
            link.unlink()
        link.symlink_to(os.path.relpath(target, link.parent), target_is_directory=True)
