"""A sweep on disk: which one it is, and a line for each mask, that outlive the process."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...errors import RunError
from ...journal import Journal
from ._propose import Tried
from ._trials import Failure, Trial


class Log:
    """A sweep's folder: `sweep.json` (which sweep it is) and `trials.jsonl` (what it has tried).

    Args:
        folder: made if it is not there.
        about: what the trials depend on; plain JSON values.

    Raises:
        RunError: the folder cannot be written, is damaged, or is of another sweep.
    """

    def __init__(self, folder: Path, about: Mapping[str, Any]) -> None:
        self.folder, self.journal = folder, Journal(folder / "trials.jsonl")
        self.rows: dict[tuple[int, int], Trial | Failure] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._claim(json.loads(json.dumps(about)))
        except OSError as error:
            raise RunError(f"cannot write the sweep to {folder}: {error}") from error
        for row in self.journal.read(_row):
            self.rows[row.number, row.seed] = row

    def add(self, row: Trial | Failure) -> None:
        """Keep a trial, on disk before this returns.

        Raises:
            RunError: it cannot be written.
        """
        self.journal.add(asdict(row))
        self.rows[row.number, row.seed] = row

    def tried(self, number: int) -> Tried | None:
        """Settings by number, with the means over their seeds; None if they were not tried."""
        rows = [row for row in self.rows.values() if row.number == number]
        if not rows:
            return None
        done = [row for row in rows if isinstance(row, Trial)]
        values = None
        if len(done) == len(rows):
            values = _mean(row.share for row in done), _mean(row.loss for row in done)
        return Tried(settings=rows[0].settings, values=values)

    def _claim(self, about: dict[str, Any]) -> None:
        path = self.folder / "sweep.json"
        if path.is_file():
            try:
                known = json.loads(path.read_text(encoding="utf-8"))
                odd = sorted(name for name in about | known if about.get(name) != known.get(name))
            except (ValueError, TypeError, AttributeError) as error:
                raise RunError(f"{path} is damaged: {error}. Use another folder") from error
            if odd:
                raise RunError(
                    f"the sweep in {self.folder} is another one ({', '.join(odd)} differ): use "
                    "another folder"
                )
            return
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        os.replace(partial, path)


def _row(data: dict[str, Any]) -> Trial | Failure:
    return Failure(**data) if "failed" in data else Trial(**data)


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return sum(values) / len(values)
