"""Recipes: a list of stages in YAML, checked before anything runs."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import RecipeError, nearest
from ._code import code_version
from ._config import from_dict, read_yaml
from ._repeat import unrolled
from ._stage import Need, Planned, Stage
from .stages import KINDS


@dataclass(frozen=True)
class Recipe:
    """A name and its stages, in order; every input comes before what reads it."""

    name: str
    stages: list[Planned]
    source: dict[str, Any]


def read_recipe(path: str | Path) -> Recipe:
    """Read a YAML recipe.

    Raises:
        RecipeError: no such file, not YAML, or anything that `parse_recipe` finds wrong.
    """
    path = Path(path)
    data = read_yaml(path, "recipe")
    return parse_recipe(data, default_name=path.stem)


def parse_recipe(data: Any, default_name: str = "run") -> Recipe:
    """Check a recipe and work out every stage's key.

    Raises:
        RecipeError: an unknown kind or key, a wrong value, or an input that names no earlier
            stage of its kind.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("stages"), Mapping):
        raise RecipeError("a recipe needs `stages`, with a name and a kind for each")
    for key in data:
        if key not in ("name", "stages"):
            raise RecipeError(f"unknown key {key!r}: {nearest(str(key), ('name', 'stages'))}")
    planned: list[Planned] = []
    for name, entry in unrolled(data["stages"]).items():
        planned.append(_plan(name, entry, planned))
    return Recipe(str(data.get("name", default_name)), planned, dict(data))


def _plan(name: str, entry: Any, earlier: list[Planned]) -> Planned:
    where = f"stage {name!r}"
    if not isinstance(entry, Mapping) or "kind" not in entry:
        raise RecipeError(f"{where} needs a kind: {', '.join(sorted(KINDS))}")
    kind = str(entry["kind"])
    if kind not in KINDS:
        raise RecipeError(f"{where}: unknown kind {kind!r}: {nearest(kind, KINDS)}")
    stage = from_dict(KINDS[kind], {k: v for k, v in entry.items() if k != "kind"}, where)
    inputs: dict[str, Planned | None] = {}
    names: dict[str, Any] = {}
    for field, need in stage.input_fields().items():
        wanted = getattr(stage, field)
        if need.several:
            found = _several(wanted, field, need, earlier, where)
            inputs |= {f"{field}.{place}": one for place, one in enumerate(found)}
            names[field] = tuple(one.name for one in found)
        else:
            inputs[field] = one = _input(wanted, field, need, earlier, where)
            names[field] = one.name if one else ""
    stage = replace(stage, **names)
    return Planned(name, stage, inputs, _key(stage, inputs))


def _several(
    wanted: Sequence[str], field: str, need: Need, earlier: list[Planned], where: str
) -> list[Planned]:
    if not wanted and not need.named:
        wanted = [planned.name for planned in earlier if planned.stage.kind in need.kinds]
    if not wanted and not need.optional:
        raise RecipeError(f"{where} needs a stage of kind {' or '.join(need.kinds)} before it")
    for name in wanted:
        if list(wanted).count(name) > 1:
            raise RecipeError(f"{where}: {field} names {name!r} twice")
    return [_named(name, field, need, earlier, where) for name in wanted]


def _named(name: str, field: str, need: Need, earlier: list[Planned], where: str) -> Planned:
    candidates = [planned for planned in earlier if planned.stage.kind in need.kinds]
    for planned in candidates:
        if planned.name == name:
            return planned
    kind = " or ".join(need.kinds)
    known = nearest(name, [planned.name for planned in candidates])
    raise RecipeError(f"{where}: {field} names no earlier {kind} stage {name!r}: {known}")


def _input(
    wanted: str, field: str, need: Need, earlier: list[Planned], where: str
) -> Planned | None:
    if wanted:
        return _named(wanted, field, need, earlier, where)
    candidates = [planned for planned in earlier if planned.stage.kind in need.kinds]
    if candidates and not need.named:
        return candidates[-1]
    if need.optional:
        return None
    raise RecipeError(f"{where} needs a stage of kind {' or '.join(need.kinds)} before it")


def _key(stage: Stage, inputs: Mapping[str, Planned | None]) -> str:
    content = {
        "kind": stage.kind,
        "settings": stage.settings(),
        "inputs": {field: found.key if found else None for field, found in inputs.items()},
        "code": code_version(stage.room),
        "outside": stage.outside(),
    }
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
