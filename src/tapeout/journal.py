"""What long work has found so far: lines of JSON on disk that outlive a killed process."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from .errors import RunError

Row = TypeVar("Row")
"""What a line of the journal stands for."""


class Journal:
    """A file of JSON objects, one a line, each on disk before `add` returns.

    Args:
        path: the file; it need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, row: Callable[[dict[str, Any]], Row]) -> list[Row]:
        """Every line, as `row` makes it; a last line that a kill has torn is cut off.

        Raises:
            RunError: the file cannot be read, or a whole line is damaged.
        """
        try:
            whole = self._whole()
        except (OSError, ValueError) as error:
            raise RunError(f"cannot read {self.path}: {error}") from error
        rows = []
        for count, line in enumerate(whole.split("\n")[:-1], start=1):
            try:
                rows.append(row(json.loads(line)))
            except (ValueError, TypeError, KeyError) as error:
                raise RunError(
                    f"line {count} of {self.path} is damaged: {error}. Delete the line"
                ) from error
        return rows

    def _whole(self) -> str:
        """The text up to its last line end; what follows is cut off on disk too."""
        if not self.path.is_file():
            return ""
        data = self.path.read_bytes()
        whole, end, torn = data.rpartition(b"\n")
        if torn:
            os.truncate(self.path, len(data) - len(torn))
        return (whole + end).decode()

    def add(self, row: dict[str, Any]) -> None:
        """Write one more line.

        Raises:
            RunError: it cannot be written.
        """
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise RunError(f"cannot write {self.path}: {error}") from error
