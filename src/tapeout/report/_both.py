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
        by: a column that heads groups of rows on the page, where it would take the width of others.

    Columns that no row fills are left out.
    """

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    words: Collection[int] = (0,)
    by: int | None = None

    def drawn(self) -> Table:
        """For the terminal."""
        found = plain(self.title)
        for place in self._filled:
            side = "left" if place in self.words else "right"
            found.add_column(Text(self.heads[place].lower()), justify=side, overflow="fold")
        for row in self.rows:
            found.add_row(*(Text(row[place]) for place in self._filled))
        found.caption = Text(self.note) if self.note else None
        return found

    def html(self, *, titled: bool = True) -> Html:
        """For the page; without its title where a heading above says it, if there is a note."""
        words = [self.title] if titled or not self.note else []
        caption = name(". ".join([*words, self.note] if self.note else words))
        shown = [place for place in self._filled if place != self.by]
        groups: dict[str | None, list[list[Html]]] = {}
        for row in self.rows:
            title = None if self.by is None else name(row[self.by])
            groups.setdefault(title, []).append([name(row[place]) for place in shown])
        heads = [self.heads[place] for place in shown]
        words = [at for at, place in enumerate(shown) if place in self.words]
        return table(caption, heads, list(groups.items()), label=self.title, words=words)

    @property
    def _filled(self) -> list[int]:
        places = range(len(self.heads))
        return [place for place in places if any(row[place] for row in self.rows)]
