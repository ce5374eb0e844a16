"""Settings as a list of names and values."""

from collections.abc import Sequence

from ._html import Html, code, join
from ._text import seen_lines


def given(pairs: Sequence[tuple[str, str]]) -> Html:
    """What was given; what was left empty says nothing."""
    told = [(key, seen_lines(value)) for key, value in pairs if value not in ("", "null")]
    return join(
        *(
            join(", " if place else "", code(f"{key}={value}"))
            for place, (key, value) in enumerate(told)
        )
    )
