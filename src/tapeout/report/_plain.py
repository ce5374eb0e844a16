"""The one look of tables in a terminal: text as it is, numbers to the right, no colour needed."""

from rich import box
from rich.table import Table
from rich.text import Text


def plain(title: str | None) -> Table:
    """An empty table; text goes in as `Text`, since rich would read markup in plain strings."""
    return Table(
        title=Text(title, style="bold") if title else None,
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
    )
