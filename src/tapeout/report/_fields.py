"""Reading JSON objects key by key, so that damage is an error that names its place."""

import math
from collections.abc import Mapping
from typing import Any

from ..errors import RunError
from ._text import clean


class Fields:
    """One JSON object and where it lies; all text that comes out is clean."""

    def __init__(self, data: Any, where: str) -> None:
        self.where = where
        if not isinstance(data, Mapping):
            raise damaged(where, "an object")
        self._data = data

    def __contains__(self, key: str) -> bool:
        return self._data.get(key) is not None

    def text(self, key: str, default: str | None = None) -> str:
        """A string; `default` stands in for a missing one."""
        value = self._data.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise damaged(f"{self.where}.{key}", "a string")
        return clean(value)

    def number(self, key: str) -> float:
        """A number, possibly an infinite one or none."""
        value = self._data.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise damaged(f"{self.where}.{key}", "a number")
        try:
            return float(value)
        except OverflowError as error:
            raise damaged(f"{self.where}.{key}", "a number of any sense") from error

    def numbers(self, key: str) -> list[float]:
        """A list of numbers."""
        value = self._data.get(key)
        if not isinstance(value, list):
            raise damaged(f"{self.where}.{key}", "a list")
        items = Fields({str(i): item for i, item in enumerate(value)}, f"{self.where}.{key}")
        return [items.number(str(i)) for i in range(len(value))]

    def finite(self, key: str) -> float:
        value = self.number(key)
        if not math.isfinite(value):
            raise damaged(f"{self.where}.{key}", "a finite number")
        return value

    def whole(self, key: str) -> int:
        return int(self.finite(key))

    def flag(self, key: str) -> bool:
        value = self._data.get(key)
        if not isinstance(value, bool):
            raise damaged(f"{self.where}.{key}", "true or false")
        return value

    def child(self, key: str) -> "Fields":
        return Fields(self._data.get(key), f"{self.where}.{clean(key)}")

    def children(self, key: str) -> "list[Fields]":
        """The objects of a list."""
        value = self._data.get(key)
        if not isinstance(value, list):
            raise damaged(f"{self.where}.{key}", "a list")
        return [Fields(item, f"{self.where}.{key}[{place}]") for place, item in enumerate(value)]

    def named(self, key: str) -> "list[tuple[str, Fields]]":
        """The objects of an object, with their names; none if it is missing."""
        return self.child(key).entries() if key in self else []

    def entries(self) -> "list[tuple[str, Fields]]":
        """All values, which are objects, with their names."""
        where = [(key, f"{self.where}.{clean(key)}") for key in self._data]
        return [(clean(key), Fields(self._data[key], place)) for key, place in where]

    def counts(self) -> list[tuple[str, int]]:
        """All values, which are whole numbers, with their names."""
        return [(clean(key), self.whole(key)) for key in self._data]

    def leaves(self, most: int = 300) -> list[tuple[str, str]]:
        """Every value below as text under a dotted name, the first `most` of them."""
        found: list[tuple[str, str]] = []
        waiting: list[tuple[str, Any]] = [("", self._data)]
        while waiting and len(found) < most:
            name, value = waiting.pop()
            if isinstance(value, Mapping) and value:
                dot = f"{name}." if name else ""
                waiting += [(f"{dot}{key}", value[key]) for key in reversed(value)]
            elif name:
                found.append((clean(name), clean(value)))
        return found


def damaged(where: str, wanted: str) -> RunError:
    return RunError(
        f"{where} is not {wanted}: the results are damaged, or another version of Tapeout wrote "
        "them. Run the recipe again with this version, then ask for the report"
    )
