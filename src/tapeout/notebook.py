"""How results show themselves in a notebook: plain tables that run nothing."""

from collections.abc import Iterable, Sequence
from html import escape

LONGEST = 300
"""Characters of a cell."""


def shown(caption: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as HTML, with all text escaped: what `_repr_html_` returns.

    Args:
        caption: a sentence above it.
        head: names of the columns; all but the first are of numbers.
        rows: what each holds; shorter rows are filled up.
    """
    body = "".join(_row("td", [*row, *[""] * (len(head) - len(row))]) for row in rows)
    above = f'<caption style="text-align: left">{_text(caption)}</caption>'
    return f"<table>{above}<thead>{_row('th', head)}</thead><tbody>{body}</tbody></table>"


def _row(kind: str, cells: Sequence[object]) -> str:
    sides = ["left", *["right"] * (len(cells) - 1)]
    both = zip(sides, cells, strict=True)
    return (
        "<tr>"
        + "".join(f'<{kind} style="text-align: {s}">{_text(c)}</{kind}>' for s, c in both)
        + "</tr>"
    )


def _text(value: object) -> str:
    text = str(value)
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"
    return escape(text.encode("utf-8", "backslashreplace").decode())
