"""Finished stages on disk, by key; a folder is there whole or not at all."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import RunError
from ._stage import Planned

SCHEMA_VERSION = 1


class Store:
    """Folders `KIND-KEY`, shared by all runs that lie side by side."""

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
            probe = root / f".writable-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise RunError(f"cannot write to {root}: {error}. Choose another --out") from error

    def folder(self, planned: Planned) -> Path:
        return self.root / f"{planned.stage.kind}-{planned.key}"

    def record(self, planned: Planned) -> dict[str, Any] | None:
        """What a finished stage reported; None if it is not finished.

        Raises:
            RunError: it is there, but its record cannot be read.
        """
        path = self.folder(planned) / "stage.json"
        if not path.is_file():
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{path} is damaged: {error}. Delete {path.parent}") from error

    @contextmanager
    def working(self, planned: Planned) -> Iterator[Path]:
        """A folder to work in, kept for the next attempt if this one fails.

        Raises:
            RunError: another process is at work on the same stage.
        """
        folder = self.root / f".{planned.stage.kind}-{planned.key}.partial"
        folder.mkdir(exist_ok=True)
        with _locked(folder / ".lock", planned.name):
            yield folder

    def finish(self, planned: Planned, folder: Path, record: dict[str, Any]) -> None:
        """Make a work folder the finished stage, in one step."""
        write_json(folder / "stage.json", {"schema_version": SCHEMA_VERSION} | record)
        (folder / ".lock").unlink(missing_ok=True)
        place = self.folder(planned)
        if place.exists():
            shutil.rmtree(place)
        folder.rename(place)


@contextmanager
def _locked(path: Path, name: str) -> Iterator[None]:
    """Hold a lock that the system drops when this process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # no such locks on Windows: two runs at once are on their own there
        yield
        return
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RunError(
                f"another run is at work on stage {name!r} ({path.parent.name}): wait for it"
            ) from error
        yield


def write_json(path: Path, data: Any) -> None:
    """Write a JSON file that is never seen half-written.

    Raises:
        RunError: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error}") from error
