"""Artifacts of a run, read without the rest of the package."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ...errors import RunError
from .._results import Stage

Arrays = dict[str, np.ndarray]


def folder_of(run: Path, stage: Stage) -> Path | None:
    """Where a stage's artifact lies; None if the results were moved without it."""
    for root, name in ((run / "stages", stage.name), (run.parent / ".stages", _kept(stage))):
        if Path(name).name == name and (root / name).is_dir():
            return root / name
    return None


def _kept(stage: Stage) -> str:
    return f"{stage.kind}-{stage.key}"


def read_pair(folder: Path, kind: str) -> tuple[dict[str, Any], Arrays] | None:
    """A JSON config and its tensors; None if there is none of this kind.

    Raises:
        RunError: they are damaged.
    """
    path = folder / f"{kind}_config.json"
    if not path.is_file():
        return None
    config = read_json(path)
    if not isinstance(config, dict):
        raise RunError(f"{path} is damaged: not an object")
    return config, read_tensors(folder / f"{kind}.safetensors")


def read_json(path: Path) -> Any:
    """A JSON file's value.

    Raises:
        RunError: it is not there or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged: {error}") from error


def read_tensors(path: Path) -> Arrays:
    """All tensors of a file.

    Raises:
        RunError: it is not there or damaged.
    """
    try:
        return load_file(path)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise RunError(f"{path} is damaged: {error}") from error
