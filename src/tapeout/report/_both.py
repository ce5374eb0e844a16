"""A table that is the same in the terminal and on the page."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from ._html import Html, name, table
from ._plain import plain


@dataclass(frozen=True)
class Both:
    """Rows of text under headings.

    Attributes:
        title: what is shown.
        heads: one heading a column.
        rows: as many cells each.
        note: what has to be known to read it.
        words: the columns that hold words and not numbers.
    """

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    words: Collection[int] = (0,)

    def drawn(self) -> Table:
        """For the terminal."""
        found = plain(self.title)
        for place, head in enumerate(self.heads):
            side = "left" if place in self.words else "right"
            found.add_column(Text(head.lower()), justify=side, overflow="fold")
        for row in self.rows:
            found.add_row(*map(Text, row))
        found.caption = Text(self.note) if self.note else None
        return found

    def html(self) -> Html:
        """For the page."""
        caption = name(f"{self.title}. {self.note}" if self.note else self.title)
        cells = [[name(cell) for cell in row] for row in self.rows]
        return table(caption, self.heads, [(None, cells)], label=self.title, words=self.words)
