"""Methods side by side: a table for the terminal, and a page with their trade-offs drawn."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.text import Text

from ._fields import Fields
from ._html import Html, isolated, join, name, paragraph, section, table, tag
from ._plain import plain
from ._scatter import Dot, scatter
from ._shell import shell, write_page
from ._text import clean, interval, number, percent, share

Rows = Sequence[Mapping[str, Any]]


def methods_table(rows: Rows) -> Group:
    """What every method of a comparison reaches, task by task, for the terminal.

    Args:
        rows: as `comparison_rows` gives them.

    Raises:
        RunError: a row lacks what is shown.
    """
    parts: list[Any] = []
    for title, some in _tasks(rows):
        drawn = plain(title)
        drawn.padding = (0, 1, 0, 0)
        drawn.add_column(Text(HEAD[0]), overflow="fold", min_width=16)
        for head in HEAD[1:]:
            drawn.add_column(Text(head), justify="right", no_wrap=True)
        for row in some:
            drawn.add_row(*map(Text, _cells(row)))
        parts += [Text(), drawn]
    return Group(*parts[1:])


def write_methods_page(
    folder: Path, title: str, rows: Rows, unreached: Mapping[str, str] | None = None
) -> Path:
    """Write `comparison.html`: per task the trade-off of size against loss, and the table.

    Args:
        unreached: stages that asked too much of the model, and why.

    Raises:
        RunError: a row lacks what is shown, or the page cannot be written.
    """
    sections: list[Html] = []
    for words, some in _tasks(rows):
        caption = (
            "KL in nats from the full model at the answer, mean. Recovery: accuracy as a part of "
            "the full model's. Without: what is right when the circuit alone is replaced. Edges: "
            "those among the heads and MLPs left. s: seconds to score and to select."
        )
        cells = [[name(cell) for cell in [*_cells(row), *_costs(row)]] for row in some]
        sections.append(
            section(
                clean(words),
                _chart("share of attention heads left", some, "heads"),
                _chart("share of edges left, among heads and MLPs", some, "edges"),
                table(caption, [*HEAD, *COSTS], [(None, cells)], label=clean(words)),
            )
        )
    if unreached:
        cells = [[name(stage), name(clean(why))] for stage, why in unreached.items()]
        label = "What the model cannot do"
        sections.append(
            section(label, table(label, ["Stage", "Why"], [(None, cells)], label=label, words=(1,)))
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
        full = [f"{first.text('metric_name')} {number(first.finite('full_metric'))}"]
        for part in ("heads", "edges"):
            full += next(
                ([f"{r.whole(f'{part}_total'):,} {part}"] for r in some if f"{part}_total" in r), []
            )
        setting = f"{first.text('replacement')} replacement"
        words = f"{task}: {first.text('split')}, n = {first.whole('n'):,}, {setting}"
        titled.append((clean(f"{words}; full model: {', '.join(full)}"), some))
    return titled


HEAD = ("circuit", "KL", "metric", "recovery", "without", "share", "heads", "edges", "s")
COSTS = ("95% interval of KL", "peak MB")


def _cells(row: Fields) -> list[str]:
    label = f"{row.text('method')}: {row.text('circuit')}"
    label += f", seed {row.whole('seed')}" if row.whole("seed") else ""
    return [
        clean(label),
        number(row.finite("kl")),
        number(row.finite("metric")),
        percent(row.finite("recovery")),
        percent(row.finite("necessity")),
        share(row.finite("share")),
        *(f"{row.whole(part):,}" if part in row else "-" for part in ("heads", "edges")),
        f"{row.finite('seconds'):,.0f}",
    ]


def _costs(row: Fields) -> list[str]:
    return [
        interval(row.finite("kl_low"), row.finite("kl_high")),
        f"{row.finite('peak_mb'):,.0f}",
    ]


def _chart(across: str, rows: Sequence[Fields], part: str) -> Html:
    dots = [
        Dot(
            name=f"{row.text('method')}: {row.text('circuit')}",
            x=row.whole(part) / max(row.whole(f"{part}_total"), 1),
            y=row.finite("kl"),
            low=row.finite("kl_low"),
            high=row.finite("kl_high"),
        )
        for row in rows
        if part in row and f"{part}_total" in row  # weights are counted, but not against a total
    ]
    return scatter(dots, across=across, up="KL from the full model, nats")
