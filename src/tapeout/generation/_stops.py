"""Where a text ends: by a token, or by a string wherever it appears in the text."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..errors import GenerationError

UNFINISHED = "\ufffd"
"""What decoders write for bytes that are no character, or not one yet."""


@dataclass(frozen=True)
class Stops:
    """What ends a text.

    Attributes:
        strings: each ends it as soon as it is in the text, whatever tokens it is spread over.
        ids: each ends it.
        tokenizer: how to read tokens; only for strings.
    """

    strings: tuple[str, ...]
    ids: frozenset[int]
    tokenizer: Any = field(repr=False, compare=False)

    @classmethod
    def of(
        cls,
        tokenizer: Any,
        strings: Iterable[str] = (),
        ids: Iterable[int] = (),
        *,
        end_of_text: bool = True,
    ) -> "Stops":
        """
        Args:
            tokenizer: the model's; None if there are no strings.
            strings: such as `"\\nQ:"`.
            ids: tokens.
            end_of_text: whether the tokenizer's own last token is one of them.

        Raises:
            GenerationError: strings without a tokenizer, an empty one, or one that stands for
                broken bytes.
        """
        strings = (strings,) if isinstance(strings, str) else tuple(strings)
        if strings and tokenizer is None:
            raise GenerationError(
                "stop strings are looked for in text, so they need the model's tokenizer: pass it, "
                "or stop at tokens, as in Stops.of(None, ids=[2])"
            )
        if "" in strings:
            raise GenerationError("an empty stop string ends every text before it begins")
        if any(UNFINISHED in string for string in strings):
            raise GenerationError(
                "a stop string holds U+FFFD, which decoders write for bytes that are no character"
            )
        ids = frozenset(ids)
        last = getattr(tokenizer, "eos_token_id", None)
        if end_of_text and last is not None:
            ids |= {last}
        return cls(strings, ids, tokenizer)

    def cut(self, text: str) -> str:
        """What comes before the first stop string; all of the text if there is none."""
        return text[: min((at for s in self.strings if (at := text.find(s)) >= 0), default=None)]

    def reader(self) -> "Reader":
        """For the tokens of one row, in their order."""
        return Reader(self)


class Reader:
    """Reads one row's tokens as they come, and says when a stop is complete.

    The last tokens that ended on a whole character are decoded again with each new one, since what
    a token reads as may depend on the one before it (a space, a part of a character).
    """

    def __init__(self, stops: Stops) -> None:
        self.stops = stops
        self.ids: list[int] = []
        self._context = self._read = 0
        self._tail = ""
        self._longest = max(map(len, stops.strings), default=0)

    def add(self, token: int) -> bool:
        """Take the next token; true if a stop is in what was read so far."""
        self.ids.append(token)
        if not self.stops.strings:
            return token in self.stops.ids
        known = self._decode(self.ids[self._context : self._read])
        text = self._decode(self.ids[self._context :])
        seen = self._tail + text[len(known) :]
        if len(text) > len(known) and not text.endswith(UNFINISHED):
            self._context, self._read = self._read, len(self.ids)
            self._tail = seen[len(seen) - min(self._longest - 1, len(seen)) :]
        return token in self.stops.ids or any(stop in seen for stop in self.stops.strings)

    def _decode(self, ids: list[int]) -> str:
        """As `Stops` reads text: with special tokens, and with every space that is there."""
        return self.stops.tokenizer.decode(
            ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
