"""Numbers on pages, read from benchmarks/results/ when the site is built.

In a sentence, `{{ demo[split=ioi/test].share | .1% }}` stands for one field of the one row that the
brackets choose, `{{ a / b }}` after the dot for a quotient, and `{{ count demo[split=ioi/test] }}`
for a number of rows. As a table:

    ```results
    file: demo
    where: {split: ioi/test}
    columns: {nodes: "{size:,}", right: "{teacher_forced_right} of {n}"}
    ```

With `by: [method]`, rows of one method are one line, and `{auroc[mean]:.3f}`, `{auroc[std]}`,
`{auroc[least]}` and `{auroc[most]}` are those of its rows. Every page with numbers ends with the
commands for them.
"""

import json
import re
import string
from collections.abc import Mapping
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import yaml

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
ROWS = r"(?P<file>[\w-]+)(?:\[(?P<where>[^\]]*)\])?"
VALUE = re.compile(
    r"\{\{\s*(?:count\s+"
    + ROWS
    + r"|"
    + ROWS.replace("?P<file>", "?P<of>").replace("?P<where>", "?P<row>")
    + r"\.(?P<field>\w+)(?:\s*/\s*(?P<over>\w+))?(?:\s*\|\s*(?P<format>[^}\s]+))?)\s*\}\}"
)
TABLE = re.compile(r"^```results\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this for every page."""
    return filled(markdown)


def filled(markdown: str) -> str:
    """The page with its numbers, and where they come from.

    Raises:
        ValueError: a file, a row or a field is not there, or more than one row fits.
    """
    used: list[str] = []
    text = TABLE.sub(lambda match: _table(yaml.safe_load(match[1]), used), markdown)
    text = VALUE.sub(lambda match: _value(match, used), text)
    return text if not used else text.rstrip() + "\n\n" + _sources(used)


def _value(match: re.Match[str], used: list[str]) -> str:
    if match["file"]:
        return str(len(_chosen(match["file"], _pairs(match["where"]), used)))
    rows = _chosen(match["of"], _pairs(match["row"]), used)
    if len(rows) != 1:
        raise ValueError(f"{match[0]} fits {len(rows)} rows, not one")
    value = _field(rows[0], match["field"], match[0])
    if match["over"]:
        value = value / _field(rows[0], match["over"], match[0])
    return format(value, match["format"] or "")


def _table(wanted: Mapping[str, Any], used: list[str]) -> str:
    rows = _chosen(wanted["file"], wanted.get("where", {}), used)
    if not rows:
        raise ValueError(f"no row of {wanted['file']} fits {wanted.get('where')}")
    if "by" in wanted:
        rows = _grouped(rows, wanted["by"])
    columns = wanted["columns"]
    asked = {re.split(r"\W", name)[0] for cell in columns.values() for name in _fields(cell)}
    if missing := asked - set().union(*rows):
        raise ValueError(f"no row of {wanted['file']} has {', '.join(sorted(missing))}")
    lines = [" | ".join(columns), " | ".join("---" for _ in columns)]
    lines += [" | ".join(_Cells().format(cell, **row) for cell in columns.values()) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _grouped(rows: list[dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
    """A row for all that agree in the named fields; numbers become mean, spread and range."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row.get(name) for name in names), []).append(row)
    found = []
    for group in groups.values():
        whole = {name: group[0].get(name) for name in names} | {"rows": len(group)}
        for name, value in group[0].items():
            if name not in names and isinstance(value, int | float):
                values = [row[name] for row in group]
                whole[name] = {"mean": mean(values), "least": min(values), "most": max(values)}
                whole[name]["std"] = stdev(values) if len(values) > 1 else None
        found.append(whole)
    return found


def _fields(cell: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(cell) if name]


class _Cells(string.Formatter):
    """`{field:format}`, with a dash for what a row does not have."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        try:
            return super().get_field(field_name, args, kwargs)
        except KeyError:
            return None, field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        return "–" if value is None else super().format_field(value, format_spec)


def _chosen(file: str, where: Mapping[str, Any], used: list[str]) -> list[dict[str, Any]]:
    if file not in used:
        used.append(file)
    rows = _read(file)["rows"]
    return [row for row in rows if all(_fits(row, *pair) for pair in where.items())]


def _fits(row: Mapping[str, Any], name: str, wanted: Any) -> bool:
    choices = wanted if isinstance(wanted, list) else [wanted]
    return name in row and str(row[name]) in map(str, choices)


def _pairs(where: str | None) -> dict[str, str]:
    parts = [part.partition("=") for part in where.split(",")] if where else []
    return {name.strip(): value.strip() for name, _, value in parts}


def _field(row: Mapping[str, Any], name: str, asked: str) -> Any:
    if name not in row:
        raise ValueError(f"{asked}: the row has no {name}, only {', '.join(row)}")
    return row[name]


def _read(file: str) -> dict[str, Any]:
    path = RESULTS / f"{file}.json"
    if not path.is_file():
        raise ValueError(f"there is no {path.name} in benchmarks/results")
    return json.loads(path.read_text(encoding="utf-8"))


def _sources(used: list[str]) -> str:
    lines = ["## Where the numbers come from", ""]
    for file in used:
        found = _read(file)
        commands = found["command"].replace(" && ", "\n    ")
        lines += [f"`benchmarks/results/{file}.json` ({found['machine']}):", ""]
        lines += ["    " + commands, ""]
    return "\n".join(lines)
