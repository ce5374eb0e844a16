"""A journal that says what its lines depend on."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import RunError
from ..journal import Journal


class Log:
    """Lines of long work, on disk if there is a path; the first one says which work it is.

    Args:
        path: the file; None keeps nothing.
        about: what the lines depend on; plain values.

    Attributes:
        rows: what an earlier, killed call left.

    Raises:
        RunError: the file cannot be read or written, or is of other work.
    """

    def __init__(self, path: Path | None, about: Mapping[str, Any]) -> None:
        self.rows: list[dict[str, Any]] = []
        self._journal = None if path is None else Journal(path)
        if path is None or self._journal is None:
            return
        plain: dict[str, Any] = json.loads(json.dumps(about))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot write {path}: {error}") from error
        known = self._journal.read(dict)
        if not known:
            self._journal.add(plain)
            return
        head, *self.rows = known
        odd = sorted(name for name in plain | head if plain.get(name) != head.get(name))
        if odd:
            raise RunError(
                f"{path} is of other work ({', '.join(odd)} differ): use another folder, or "
                "delete it"
            )

    def add(self, row: dict[str, Any]) -> None:
        """Keep a line, on disk before this returns.

        Raises:
            RunError: it cannot be written.
        """
        if self._journal is not None:
            self._journal.add(row)
