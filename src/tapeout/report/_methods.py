"""Methods side by side: a table for the terminal, and a page with their trade-offs drawn."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ._fields import Fields
from ._html import Html, isolated, join, name, paragraph, section, table, tag
from ._scatter import Dot, scatter
from ._shell import shell, write_page
from ._text import clean, interval, number, percent, seconds, share

Rows = Sequence[Mapping[str, Any]]
HEAD = ("method", "KL, nats", "metric", "recovery", "without it", "size", "heads", "edges")
COSTS = ("seconds", "peak MB")


def methods_table(rows: Rows) -> Group:
    """What every method of a comparison reaches, task by task, for the terminal.

    Args:
        rows: as `comparison_rows` gives them.

    Raises:
        RunError: a row lacks what is shown.
    """
    parts: list[Any] = []
    for title, some in _tasks(rows):
        drawn = Table(
            title=Text(title, style="bold"),
            title_justify="left",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            show_edge=False,
        )
        for place, head in enumerate((*HEAD, *COSTS)):
            right = "right" if place else "left"
            drawn.add_column(Text(head), justify=right, overflow="fold")
        for row in some:
            drawn.add_row(*(Text(cell) for cell in _cells(row)))
        parts += [Text(), drawn]
    return Group(*parts[1:])


def write_methods_page(folder: Path, title: str, rows: Rows) -> Path:
    """Write `comparison.html`: per task the trade-off of size against loss, and the table.

    Raises:
        RunError: a row lacks what is shown, or the page cannot be written.
    """
    sections: list[Html] = []
    for words, some in _tasks(rows):
        caption = "Mean KL from the full model at the answer; intervals are 95%."
        cells = [[name(cell) for cell in _cells(row, "\u2009")] for row in some]
        sections.append(
            section(
                clean(words),
                _chart("attention heads left", some, "heads", "heads_total"),
                _chart("edges left (among heads and MLPs, standard count)", some, "edges"),
                table(caption, (*HEAD, *COSTS), [(None, cells)], label=clean(words)),
            )
        )
    top = tag("header", paragraph("Tapeout comparison", class_="kicker"), tag("h1", name(title)))
    foot = "Every number is from comparison.json, which lies beside this page."
    page = shell(f"{isolated(title)} – Tapeout comparison", join(top, *sections), foot)
    return write_page(folder / "comparison.html", page)


def _tasks(rows: Rows) -> list[tuple[str, list[Fields]]]:
    """A title and the rows of every task, in the order in which they come."""
    tasks: dict[str, list[Fields]] = {}
    for place, row in enumerate(rows):
        fields = Fields(row, f"comparison row {place}")
        tasks.setdefault(fields.text("task"), []).append(fields)
    titled = []
    for task, some in tasks.items():
        first = some[0]
        words = f"{task}: {first.text('split')}, n = {first.whole('n'):,}"
        metric = (
            f"{first.text('metric_name')} of the full model {number(first.finite('full_metric'))}"
        )
        titled.append((f"{clean(words)}, {first.text('replacement')} replacement; {metric}", some))
    return titled


def _cells(row: Fields, thin: str = " ") -> list[str]:
    def counted(part: str) -> str:
        if part not in row:
            return "-"
        return f"{row.whole(part):,}/{row.whole(f'{part}_total'):,}"

    label = f"{row.text('method')}: {row.text('circuit')}"
    label += f", seed {row.whole('seed')}" if row.whole("seed") else ""
    kl = f"{number(row.finite('kl'))}{thin}{interval(row.finite('kl_low'), row.finite('kl_high'))}"
    return [
        clean(label),
        kl,
        number(row.finite("metric")),
        percent(row.finite("recovery")),
        percent(row.finite("necessity")),
        f"{row.whole('size'):,} ({share(row.finite('share'))})",
        counted("heads"),
        counted("edges"),
        seconds(row.finite("seconds")),
        f"{row.finite('peak_mb'):,.0f}",
    ]


def _chart(title: str, rows: Sequence[Fields], part: str, total: str = "") -> Html:
    dots = [
        Dot(
            name=f"{row.text('method')}: {row.text('circuit')}",
            x=row.whole(part) / max(row.whole(total or f"{part}_total"), 1),
            y=row.finite("kl"),
            low=row.finite("kl_low"),
            high=row.finite("kl_high"),
        )
        for row in rows
        if part in row
    ]
    return scatter(dots, across=f"share of {title}", up="KL from the full model, nats")
