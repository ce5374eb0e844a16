"""Which settings of a mask a sweep varies, and between what bounds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from ...errors import RecipeError, nearest
from ._config import MaskConfig
from ._sizes import Penalty

Number = int | float
Settings = Mapping[str, Number]
"""Setting -> value; whole numbers are ints."""

Space = Mapping[str, Sequence[Number]]
"""Setting -> its least and its largest value."""

PART = "weights."
FIXED = ("seed", "save_every")

SPREAD: dict[str, dict[str, Number]] = {
    "node-pruning": {"weight": 10, "learning_rate": 3},
    "heaviside-pruning": {
        "weight": 10,
        "learning_rate": 3,
        "weight_decay": 10,
        "temperature": 3,
        "first": 3,
        "spread": 10,
    },
    "edge-pruning": {"share": 5, "learning_rate": 3},
    "dcm": {"weight": 10, "learning_rate": 10},
    "l0-donor": {"weight": 10, "learning_rate": 10},
}
"""Preset -> the settings that its paper searched or left open -> by what factor either side of the
preset's value to search; see `around`. The centres are the presets' (for weight-sparse pruning,
those of an independent re-implementation that starts CARBS from them), the factors are ours: a rate
ten times too high leaves that mask's parameters at their bounds, so there it is 3. That paper's
`k_coef` is `weight` over the number of a part's nodes."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A setting between two bounds, on a logarithmic scale where both are above 0.

    Attributes:
        whole: only whole numbers.
        centre: where the search starts.
    """

    name: str
    low: Number
    high: Number
    whole: bool
    centre: Number

    @property
    def log(self) -> bool:
        return self.low > 0

    def at(self, part: Number) -> Number:
        """The value at a part of the way: 0 is `low`, 1/2 the centre, 1 is `high`."""
        if part in (0, 0.5, 1):
            return {0: self.low, 0.5: self.centre, 1: self.high}[part]
        below = part < 0.5
        start, end = (self.low, self.centre) if below else (self.centre, self.high)
        return self._between(start, end, 2 * part if below else 2 * part - 1)

    def _between(self, start: Number, end: Number, part: float) -> Number:
        if start == end:
            return start
        if self.log:
            value = math.exp((1 - part) * math.log(start) + part * math.log(end))
        else:
            value = (1 - part) * start + part * end
        return round(value) if self.whole else value


def around(base: MaskConfig, factors: Mapping[str, Number]) -> dict[str, tuple[Number, Number]]:
    """A space with a config in its middle: setting -> by what factor to go below and above it.

    Raises:
        RecipeError: there is no such setting.
    """
    known = values_of(base)
    space = {}
    for name, factor in factors.items():
        value = _known(name, known)
        low, high = value / factor, value * factor
        space[name] = (round(low), round(high)) if isinstance(value, int) else (low, high)
    return space


def axes_of(base: MaskConfig, space: Space) -> list[Axis]:
    """The axes of a space, in its order; each is centred at the base's value where that lies
    between the bounds, else in their middle.

    Raises:
        RecipeError: there is no such setting, or its bounds are none.
    """
    known = values_of(base)
    return [_axis(name, bounds, _known(name, known)) for name, bounds in space.items()]


def _axis(name: str, bounds: Sequence[Number], value: Number) -> Axis:
    first, last = _bounds(name, bounds)
    low, high = _like(name, first, value), _like(name, last, value)
    axis = Axis(name=name, low=low, high=high, whole=isinstance(value, int), centre=value)
    return axis if low <= value <= high else replace(axis, centre=axis._between(low, high, 0.5))


def _bounds(name: str, bounds: Sequence[Number]) -> tuple[float, float]:
    try:
        low, high = (float(bound) for bound in bounds)
    except (TypeError, ValueError):
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise RecipeError(
            f"the setting {name!r} needs its least and its largest value, two numbers, not "
            f"{bounds!r}"
        )
    return low, high


def values_of(config: MaskConfig) -> dict[str, Number]:
    """Every number that can be set: of the config itself, of its gate and of its size control;
    `weights.PART` for every part that a penalty's `weights` name.
    """
    found: dict[str, Number] = {}
    for owner in (config, config.gate, config.size):
        for field in fields(owner):
            if field.type in (int, float) and field.name not in FIXED:
                value = getattr(owner, field.name)
                found[field.name] = int(value) if field.type is int else float(value)
    if isinstance(config.size, Penalty):
        found |= {PART + part: float(weight) for part, weight in config.size.weights.items()}
    return found


def with_settings(config: MaskConfig, settings: Settings) -> MaskConfig:
    """The config with some numbers set, wherever they belong.

    Args:
        config: of which the rest is.
        settings: names as in `values_of`.

    Raises:
        RecipeError: there is no such setting, or it is a whole number and its value is not.
    """
    known = values_of(config)
    settings = {name: _like(name, value, _known(name, known)) for name, value in settings.items()}
    own, gate, size = (
        {field.name: settings[field.name] for field in fields(owner) if field.name in settings}
        for owner in (config, config.gate, config.size)
    )
    changed: dict[str, Any] = {**own, "gate": replace(config.gate, **gate)}
    changed["size"] = replace(config.size, **size)
    parts = {name.removeprefix(PART): settings[name] for name in settings if name.startswith(PART)}
    if parts and isinstance(config.size, Penalty):
        changed["size"] = replace(changed["size"], weights={**config.size.weights, **parts})
    return replace(config, **changed)


def _known(name: str, known: Mapping[str, Number]) -> Number:
    if name not in known:
        raise RecipeError(f"a mask has no setting {name!r} to vary: {nearest(name, known)}")
    return known[name]


def _like(name: str, value: Number, other: Number) -> Number:
    """The value as the kind of number that a setting is."""
    if isinstance(other, float):
        return float(value)
    if value != int(value):
        raise RecipeError(f"the setting {name!r} is a whole number, not {value!r}")
    return int(value)
