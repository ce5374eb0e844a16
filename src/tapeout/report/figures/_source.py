"""What a figure is drawn from, in whichever form it comes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ...errors import RunError
from .._fields import Fields
from .._results import read_results


@runtime_checkable
class Reported(Protocol):
    """An object that says what it found, such as a `verify.Frontier`."""

    def to_dict(self) -> dict[str, Any]: ...


@runtime_checkable
class Layered(Protocol):
    """A circuit."""

    @property
    def size(self) -> int: ...

    @property
    def share(self) -> float: ...

    def by_part(self) -> dict[str, tuple[int, int]]: ...

    def by_layer(self) -> list[Any]: ...


Source = str | Path | Reported | Layered | Mapping[str, Any]
"""A run's folder; an object; or several by name, as objects or as what their stages report."""

Rows = str | Path | Sequence[Mapping[str, Any]]
"""Rows of a comparison; or the folder of one, or a JSON file with `rows`."""


def read(
    source: Source, kinds: Sequence[str], defaults: Mapping[str, Any] | None = None
) -> list[tuple[str, Fields]]:
    """What is to be drawn, each with its name; an object that was given alone has none.

    Args:
        source: where it is.
        kinds: of a run, the stages that are meant.
        defaults: what objects do not say and stages do.

    Raises:
        RunError: there is no such run, it has no stage of these kinds, or the source is none.
    """
    if isinstance(source, str | Path):
        folder = folder_of(source)
        stages = read_results(folder).stages
        found = [(stage.name, stage.metrics) for stage in stages if stage.kind in kinds]
        if not found:
            raise RunError(f"{folder} has no finished stage of kind {' or '.join(kinds)}")
        return found
    several = source if isinstance(source, Mapping) else {"": source}
    return [(name, _fields(value, name, defaults or {})) for name, value in several.items()]


def folder_of(source: str | Path) -> Path:
    """A run's folder, also where its `results.json` is given."""
    path = Path(source)
    return path.parent if path.name == "results.json" else path


def rows_of(source: Rows) -> Sequence[Mapping[str, Any]]:
    """The rows themselves.

    Raises:
        RunError: there are none, or the file is damaged.
    """
    if not isinstance(source, str | Path):
        return source
    path = Path(source)
    path = path / "comparison.json" if path.is_dir() else path
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} has no rows of a comparison: {error!r}") from error
    return rows


def _fields(value: Any, name: str, defaults: Mapping[str, Any]) -> Fields:
    if isinstance(value, Fields):
        return value
    return Fields({**defaults, **_told(value)}, name or type(value).__name__)


def _told(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, Reported):
        return value.to_dict()
    if isinstance(value, Layered):
        parts = {part: {"kept": k, "total": n} for part, (k, n) in value.by_part().items()}
        layers = [vars(row) for row in value.by_layer()]
        return {"size": value.size, "share": value.share, "by_part": parts, "by_layer": layers}
    raise RunError(
        f"a figure is drawn from the folder of a run, an object such as a Frontier, or several of "
        f"them by name, not from {type(value).__name__}"
    )
