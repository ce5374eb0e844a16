"""Deltas as files: safetensors whose header says all but the bits."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import AmplifyError
from ..models import Fingerprint
from ._delta import Delta
from ._flips import Flips

SCHEMA_VERSION = 1
FILE = "delta.safetensors"


def save_delta(delta: Delta, path: Path) -> Path:
    """See `Delta.save`."""
    path = _file(path)
    tensors: dict[str, Tensor] = {}
    for name, part in delta.parts.items():
        tensors |= {f"{name}.index": part.index, f"{name}.bits": part.packed}
    head = {
        "schema_version": SCHEMA_VERSION,
        "base": asdict(delta.base),
        "result": None if delta.result is None else asdict(delta.result),
        "parts": {
            name: {"shape": part.shape, "dtype": part.dtype, "dim": part.dim}
            for name, part in delta.parts.items()
        },
        "touched": dict(delta.touched),
        "elsewhere": delta.elsewhere,
        "numbers": delta.numbers,
        "total": delta.total,
        "origin": dict(delta.origin),
    }
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, partial, metadata={"delta": json.dumps(head)})
        os.replace(partial, path)
    except (OSError, SafetensorError) as error:
        raise AmplifyError(f"cannot write the delta to {path}: {error}") from error
    return path


def load_delta(path: Path) -> Delta:
    """See `Delta.load`."""
    path = _file(path)
    try:
        with safe_open(path, framework="pt") as file:
            head = json.loads(file.metadata()["delta"])
            if (version := head["schema_version"]) > SCHEMA_VERSION:
                raise AmplifyError(
                    f"{path} has schema {version}, newer than {SCHEMA_VERSION}: update Tapeout"
                )
            parts = {name: _flips(file, name, about) for name, about in head["parts"].items()}
        return Delta(
            base=Fingerprint(**head["base"]),
            result=None if head["result"] is None else Fingerprint(**head["result"]),
            parts=parts,
            touched={place: tuple(units) for place, units in head["touched"].items()},
            elsewhere=tuple(head["elsewhere"]),
            numbers=head["numbers"],
            total=head["total"],
            origin=head["origin"],
        )
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise AmplifyError(f"{path} holds no delta, or a damaged one: {error}") from error


def _flips(file: Any, name: str, about: dict[str, Any]) -> Flips:
    return Flips(
        shape=tuple(about["shape"]),
        dtype=about["dtype"],
        dim=about["dim"],
        index=file.get_tensor(f"{name}.index"),
        packed=file.get_tensor(f"{name}.bits"),
    )


def _file(path: Path) -> Path:
    return path / FILE if path.is_dir() or not path.suffix else path
