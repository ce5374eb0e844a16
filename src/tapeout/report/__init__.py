"""What a run found, as one page and as tables for the terminal."""

from ._at_loss import size_ratio, sizes_at_loss
from ._conditioned import conditioned_table
from ._delta import delta_tables
from ._follow import follow
from ._methods import methods_table, write_methods_page
from ._page import write_report
from ._smallest import smallest_table
from ._summary_tables import comparison_table, origin_table, summary_tables
from ._terminal import (
    evidence_table,
    frontier_table,
    sizes_table,
    speed_table,
    tables_of,
    worth_table,
)

__all__ = [
    "comparison_table",
    "conditioned_table",
    "delta_tables",
    "evidence_table",
    "follow",
    "frontier_table",
    "methods_table",
    "origin_table",
    "size_ratio",
    "sizes_at_loss",
    "sizes_table",
    "smallest_table",
    "speed_table",
    "summary_tables",
    "tables_of",
    "worth_table",
    "write_methods_page",
    "write_report",
]
