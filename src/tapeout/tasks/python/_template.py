"""A small language for pairs of programs that differ in a place or two, and so in what follows.

A template is a whole program. `$var1` is a slot for a name of a kind, the same wherever it stands;
`<a|b>` is `a` in the first program of a pair and `b` in the second; `<<a|b>>`, which a template has
once, is the place that is asked about: what stands before it is given, and it is to be predicted.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from random import Random

from .._draw import unpack

SIDES = ("first", "second")
_SLOT = re.compile(r"\$([a-z]+)(\d+)")
_EITHER = re.compile(r"<([^<>|]*)\|([^<>|]*)>")
_ASKED = re.compile(r"<(<[^<>|]*\|[^<>|]*>)>")

Words = Mapping[str, Sequence[str]]
"""Kind of slot -> its words."""


@dataclass(frozen=True)
class Program:
    """One program of a pair.

    Attributes:
        before: all up to the place that is asked about.
        asked: what stands there.
        after: the rest.
        fixed: how many characters right before and right after that place no name has a part in.
    """

    before: str
    asked: str
    after: str
    fixed: tuple[int, int]

    @property
    def text(self) -> str:
        return self.before + self.asked + self.after


Pair = tuple[Program, Program]


@dataclass(frozen=True)
class Draw:
    """A filled template: its two programs, and the names in them."""

    pair: Pair
    names: tuple[str, ...]


@dataclass(frozen=True)
class Template:
    """A pair of programs with slots; `text` is in the language of this file.

    Raises:
        ValueError: the text does not have exactly one `<<a|b>>`, or a mark is left over.
    """

    text: str

    def __post_init__(self) -> None:
        if len(_ASKED.findall(self.text)) != 1:
            raise ValueError(f"a template asks about one place, <<a|b>>: {self.text!r}")
        if left := re.search(r"[<>|]", _EITHER.sub("", _ASKED.sub("", self.text))):
            raise ValueError(f"a stray {left[0]!r} in the template {self.text!r}")

    @cached_property
    def slots(self) -> dict[str, str]:
        """Slot -> its kind, in the order of first use."""
        return {f"{kind}{which}": kind for kind, which in _SLOT.findall(self.text)}

    @cached_property
    def _sides(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        parts = _ASKED.split(self.text)
        first = tuple(_EITHER.sub(r"\1", part) for part in parts)
        return first, tuple(_EITHER.sub(r"\2", part) for part in parts)

    def fill(self, words: Mapping[str, str]) -> Pair:
        """The pair of programs with a word in every slot."""
        first, second = (self._program(side, words) for side in self._sides)
        return first, second

    def _program(self, side: tuple[str, ...], words: Mapping[str, str]) -> Program:
        filled = [_SLOT.sub(lambda slot: words[slot[1] + slot[2]], part) for part in side]
        behind, ahead = _SLOT.split(side[0])[-1], _SLOT.split(side[2])[0]
        return Program(filled[0], filled[1], filled[2], (len(behind), len(ahead)))

    def _bases(self, words: Words) -> list[int]:
        kinds = list(self.slots.values())
        return [len(words[kind]) - kinds[:at].count(kind) for at, kind in enumerate(kinds)]

    def draw(self, words: Words, rng: Random) -> Draw:
        """Fill it at random, no word twice; numbers are no names."""
        bases = self._bases(words)
        places = unpack(rng.randrange(prod(bases)), *bases)
        left = {kind: list(words[kind]) for kind in dict.fromkeys(self.slots.values())}
        chosen = {
            slot: left[kind].pop(place)
            for (slot, kind), place in zip(self.slots.items(), places, strict=True)
        }
        names = tuple(chosen[slot] for slot, kind in self.slots.items() if kind != "num")
        return Draw(self.fill(chosen), names)
