"""From plain mappings to config dataclasses, strictly."""

import dataclasses
import re
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from ..errors import RecipeError, nearest

T = TypeVar("T")
EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
"""Numbers such as 1e-3, which YAML 1.1 takes for words."""


def read_yaml(path: Path, what: str) -> Any:
    """What a YAML file holds.

    Raises:
        RecipeError: it cannot be read, or is not YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"cannot read the {what} {path}: {error}") from error
    except yaml.YAMLError as error:
        raise RecipeError(f"{path} is not YAML: {error}") from error


def from_dict(cls: type[T], data: Mapping[str, Any], where: str) -> T:
    """An instance of a config dataclass.

    Args:
        cls: the dataclass.
        data: its fields.
        where: how an error message names the place.

    Raises:
        RecipeError: an unknown key (with the nearest known one), a missing one, or a value of
            the wrong kind.
    """
    hints = get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}  # pyright: ignore[reportArgumentType]
    for key in data:
        if key not in fields:
            raise RecipeError(f"{where}: unknown key {key!r}: {nearest(str(key), fields)}")
    values = {}
    for name, field in fields.items():
        if name in data:
            values[name] = _fit(data[name], hints[name], f"{where}: {name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise RecipeError(f"{where}: the key {name!r} is missing")
    return cls(**values)


def _fit(value: Any, kind: Any, where: str) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal:
        if value not in args:
            known = nearest(str(value), [str(arg) for arg in args])
            raise RecipeError(f"{where}: {value!r} is not possible: {known}")
        return value
    if origin in (Union, types.UnionType):
        return _fit_any(value, args, where)
    if origin in (list, tuple, Sequence):
        if not isinstance(value, list | tuple):
            raise RecipeError(f"{where}: needs a list, not {value!r}")
        items = [_fit(item, args[0], where) for item in value]
        return items if origin is list else tuple(items)
    if origin is dict or kind is dict:
        if not isinstance(value, Mapping):
            raise RecipeError(f"{where}: needs keys and values, not {value!r}")
        return (
            {key: _fit(v, args[1], f"{where}.{key}") for key, v in value.items()}
            if args
            else dict(value)
        )
    if kind is Any:
        return value
    if kind is float and isinstance(value, str) and EXPONENT.fullmatch(value):
        return float(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if (isinstance(value, bool) and kind is not bool) or not isinstance(value, kind):
        raise RecipeError(f"{where}: needs {kind.__name__}, not {value!r}")
    return value


def _fit_any(value: Any, kinds: tuple[Any, ...], where: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    failure: RecipeError | None = None
    for kind in kinds:
        if kind is not type(None):
            try:
                return _fit(value, kind, where)
            except RecipeError as error:
                failure = error
    raise failure or RecipeError(f"{where}: {value!r} is not possible")
