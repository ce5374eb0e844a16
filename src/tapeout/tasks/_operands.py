"""What a question about digits is about.

Each kind has `fields` (what a template calls the operands) and `key` (what no two splits share);
and, for lengths from `shortest` to `digits`, `available` (how many different keys there are),
`describe` (the same in words), `draw` (operands of different keys, at random) and `every`.
"""

from typing import Any

from ._pairs import Pairs
from ._texts import Texts

Operands = Pairs | Texts
Item = tuple[Any, ...]
"""The operands of one question, one for each of the fields."""
