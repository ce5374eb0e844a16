"""What a run found, as one page and as tables for the terminal."""

from ._page import write_report
from ._terminal import (
    evidence_table,
    frontier_table,
    sizes_table,
    speed_table,
    tables_of,
    worth_table,
)

__all__ = [
    "evidence_table",
    "frontier_table",
    "sizes_table",
    "speed_table",
    "tables_of",
    "worth_table",
    "write_report",
]
