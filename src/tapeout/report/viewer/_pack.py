"""A tree of plain values and arrays as one compressed block of text.

The block is base64 of a zlib stream of: the length of a JSON header (4 bytes, little endian), the
header, and the arrays one after the other, each at a multiple of 8. In the tree an array is
`{"$": NUMBER}`, and the header lists type, offset and length of each.
"""

import base64
import json
import zlib
from typing import Any

import numpy as np

_ALIGN = 8
_STEPS = 32767
"""Values are rounded to so many steps between 0 and the largest of their array."""


class Pack:
    """Collects the arrays of a tree."""

    def __init__(self) -> None:
        self._parts: list[tuple[str, bytes, int]] = []

    def array(self, values: Any, kind: str) -> dict[str, int]:
        """An array's place in the tree.

        Args:
            values: numbers, or an array of any shape, which is flattened.
            kind: one of `u1`, `u2`, `u4`, `i2`, `i4`, `f4`.
        """
        flat = np.ascontiguousarray(np.asarray(values, dtype=f"<{kind}")).ravel()
        self._parts.append((kind, flat.tobytes(), flat.size))
        return {"$": len(self._parts) - 1}

    def read(self, place: dict[str, int]) -> np.ndarray:
        """The array at a place that `array` gave."""
        kind, data, _ = self._parts[place["$"]]
        return np.frombuffer(data, dtype=f"<{kind}")

    def rounded(self, values: Any) -> dict[str, Any]:
        """Floats in two bytes each: whole steps of the largest magnitude over 32,767."""
        flat = np.nan_to_num(np.asarray(values, dtype=np.float64).ravel())
        top = float(np.abs(flat).max(initial=0.0))
        step = top / _STEPS if top else 1.0
        return {"step": step, "values": self.array(np.rint(flat / step), "i2")}

    def rows(self, values: Any) -> dict[str, Any]:
        """As `rounded`, each row by its own largest magnitude; [rows, wide] or more axes."""
        whole = np.nan_to_num(np.asarray(values, dtype=np.float64))
        flat = whole.reshape(len(whole), -1) if whole.size else np.zeros((len(whole), 0))
        top = np.abs(flat).max(axis=1, initial=0.0)
        steps = np.where(top > 0, top / _STEPS, 1.0).astype("<f4").astype(np.float64)
        rounded = np.rint(flat / steps[:, None]).clip(-_STEPS, _STEPS)
        return {"wide": flat.shape[1], "steps": self.array(steps, "f4")} | {
            "values": self.array(rounded, "i2")
        }

    def bits(self, flags: Any) -> dict[str, int]:
        """Booleans, eight a byte, the first in the lowest bit."""
        return self.array(np.packbits(np.asarray(flags, dtype=bool), bitorder="little"), "u1")

    def encode(self, tree: Any) -> str:
        """The block."""
        arrays: list[list[Any]] = []
        body = bytearray()
        for kind, data, length in self._parts:
            arrays.append([kind, len(body), length])
            body += data + bytes(-len(data) % _ALIGN)
        whole_tree = {"tree": tree, "arrays": arrays}
        header = json.dumps(whole_tree, separators=(",", ":"), allow_nan=False).encode()
        header += b" " * (-(len(header) + 4) % _ALIGN)
        whole = len(header).to_bytes(4, "little") + header + bytes(body)
        return base64.b64encode(zlib.compress(whole, 6)).decode("ascii")
