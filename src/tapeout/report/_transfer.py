"""Every circuit in every model: a table of the terminal, and a matrix of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from ._fields import Fields
from ._html import Html, details, join, name, section, table, tag
from ._plain import plain
from ._text import percent, span
from ._values import Share

WHAT = (
    "Rows are circuits, by where they were found; columns are the models that they run in, "
    "bold where both are one; a stronger colour is a higher accuracy. In brackets what the "
    "replacement alone leaks."
)


@dataclass(frozen=True)
class Cell:
    """One circuit in one model."""

    circuit: str
    model: str
    own: bool
    size: int
    alone: Share
    empty: Share
    full: Share

    @classmethod
    def of(cls, fields: Fields) -> "Cell":
        return cls(
            circuit=fields.text("circuit"),
            model=fields.text("model"),
            own=fields.flag("own"),
            size=fields.whole("size"),
            alone=Share.of(fields.child("autoregressive")),
            empty=Share.of(fields.child("empty")),
            full=Share.of(fields.child("full")),
        )

    @property
    def words(self) -> str:
        """Its accuracy, and beside it the empty circuit's."""
        return f"{percent(self.alone.value)} ({percent(self.empty.value)})"


@dataclass(frozen=True)
class Transfer:
    """What a `transfer` stage found."""

    split: str
    n: int
    criterion: str
    replacement: str
    cells: list[Cell]

    @classmethod
    def of(cls, fields: Fields) -> "Transfer":
        return cls(
            split=fields.text("split"),
            n=fields.whole("n"),
            criterion=fields.text("criterion"),
            replacement=fields.text("replacement"),
            cells=[Cell.of(item) for item in fields.children("cells")],
        )

    @property
    def models(self) -> list[str]:
        return list(dict.fromkeys(cell.model for cell in self.cells))

    @property
    def rows(self) -> list[tuple[str, dict[str, Cell]]]:
        """By circuit: the cells of its row, by model."""
        found: dict[str, dict[str, Cell]] = {}
        for cell in self.cells:
            found.setdefault(cell.circuit, {})[cell.model] = cell
        return list(found.items())

    @property
    def words(self) -> str:
        return (
            f"{self.split}, n = {self.n:,}, {self.criterion} accuracy of circuits alone, "
            f"{self.replacement} replacement"
        )


def transfer_table(metrics: Mapping[str, Any]) -> Table:
    """The matrix, from what a `transfer` stage reports.

    Raises:
        RunError: the metrics are not those of such a stage.
    """
    found = Transfer.of(Fields(metrics, "transfer metrics"))
    drawn = plain(found.words)
    drawn.add_column(Text("found on"), overflow="fold")
    drawn.add_column(Text("nodes"), justify="right")
    for model in found.models:
        drawn.add_column(Text(model), justify="right", overflow="fold")
    for circuit, cells in found.rows:
        size = next(iter(cells.values())).size
        texts = [cells[model].words if model in cells else "" for model in found.models]
        drawn.add_row(*map(Text, [circuit, f"{size:,}", *texts]))
    drawn.caption = Text(WHAT)
    return drawn


def transfer_section(stages: Sequence[tuple[str, Transfer]]) -> Html:
    """All matrices of a run."""
    parts = [part for title, found in stages for part in _parts(title, found)]
    return section("Circuits in other models", *parts)


def _parts(title: str, found: Transfer) -> list[Html]:
    rows = [
        [
            name(circuit),
            f"{next(iter(cells.values())).size:,}",
            *(_drawn(cells.get(model)) for model in found.models),
        ]
        for circuit, cells in found.rows
    ]
    caption = join(tag("b", name(title)), ": ", name(found.words), ". ", WHAT)
    head = ["Found on", "Nodes", *(name(model) for model in found.models)]
    numbers = [
        [
            name(cell.circuit),
            name(cell.model),
            percent(cell.alone.value),
            span(cell.alone.low, cell.alone.high),
            percent(cell.full.value),
        ]
        for cell in found.cells
    ]
    columns = ["Found on", "Run in", "Circuit", "95% interval", "Full model"]
    every = table("All cells.", columns, [(None, numbers)], label="Cells", words=(0, 1))
    return [
        table(caption, head, [(None, rows)], label="Transfer"),
        details("Intervals", every),
    ]


def _drawn(cell: Cell | None) -> Html:
    """Its words, the darker the more it recovers."""
    if cell is None:
        return Html()
    level = round(5 * min(max(cell.alone.value, 0.0), 1.0))
    words = tag("b", cell.words) if cell.own else join(cell.words)
    return tag("span", words, class_=f"heat h{level}")
