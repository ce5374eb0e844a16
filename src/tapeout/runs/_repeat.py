"""Groups of stages that a recipe says once and runs for each of several values, such as seeds."""

from collections.abc import Mapping
from typing import Any

from ..errors import RecipeError
from .stages import KINDS


def unrolled(stages: Mapping[str, Any]) -> dict[str, Any]:
    """The stages of a recipe with every group written out, value by value.

    A group is `NAME: {each: {seed: [0, 1]}, stages: {...}}`. Its stage `masked` becomes `masked-0`
    and `masked-1`; `$seed` in a setting is the value, and an input that names a stage of the group
    is that of the same value.

    Raises:
        RecipeError: a group is not made so, or two stages come to one name.
    """
    found: dict[str, Any] = {}
    for name, entry in stages.items():
        group = isinstance(entry, Mapping) and "each" in entry
        for key, stage in (_members(str(name), entry) if group else {str(name): entry}).items():
            if key in found:
                raise RecipeError(f"two stages have the name {key!r}: give one of them another")
            found[key] = stage
    return found


def _members(name: str, group: Mapping[str, Any]) -> dict[str, Any]:
    each, stages = group["each"], group.get("stages")
    odd = set(group) - {"each", "stages"}
    values = next(iter(each.values())) if isinstance(each, Mapping) and len(each) == 1 else None
    if odd or not isinstance(values, list) or not values or not isinstance(stages, Mapping):
        raise RecipeError(
            f"group {name!r} needs `each`, one word with a list of values, and `stages`, such as "
            "{each: {seed: [0, 1]}, stages: {masked: {kind: condition, seed: $seed}}}"
        )
    word = f"${next(iter(each))}"
    return {
        f"{stage}-{value}": _one(entry, word, value, {str(key) for key in stages})
        for value in values
        for stage, entry in stages.items()
    }


def _one(entry: Any, word: str, value: Any, group: set[str]) -> Any:
    """A stage with the value in place of its word, and its inputs within the group named."""
    filled = _filled(entry, word, value)
    if not isinstance(filled, dict) or filled.get("kind") not in KINDS:
        return filled  # what is wrong with it is told where all stages are checked
    for field in KINDS[filled["kind"]].input_fields():
        if field in filled:
            filled[field] = _named(filled[field], group, value)
    return filled


def _named(wanted: Any, group: set[str], value: Any) -> Any:
    if isinstance(wanted, list):
        return [_named(one, group, value) for one in wanted]
    return f"{wanted}-{value}" if wanted in group else wanted


def _filled(part: Any, word: str, value: Any) -> Any:
    if isinstance(part, Mapping):
        return {key: _filled(inner, word, value) for key, inner in part.items()}
    if isinstance(part, list):
        return [_filled(inner, word, value) for inner in part]
    if part == word:
        return value
    return part.replace(word, str(value)) if isinstance(part, str) else part
