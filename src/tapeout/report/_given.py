"""Settings as a list of names and values."""

from collections.abc import Sequence

from ._html import Html, code, join
from ._text import seen_lines


def given(pairs: Sequence[tuple[str, str]]) -> Html:
    """What was given; what was left empty says nothing."""
    told = [(key, seen_lines(_named(value))) for key, value in pairs if value not in ("", "null")]
    return join(
        *(
            join(", " if place else "", code(f"{key}={value}"))
            for place, (key, value) in enumerate(told)
        )
    )


def _named(value: str) -> str:
    """A file by its name: its folder is of the machine that the run was on."""
    return value.rpartition("/")[2] or value if value.startswith("/") else value
