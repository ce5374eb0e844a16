"""Rows of JSONL files with questions and worked answers (GSM8K, GSM-Symbolic)."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..errors import TaskError
from ._answers import parse_answer
from ._instances import FINAL
from ._word import format_number

_MARK = re.compile(r"<<[^<>\n]*>>")
_ANSWER = "####"


def read_rows(paths: Sequence[Path], sha256: str | None = None) -> tuple[list[Any], str]:
    """The objects of JSONL files, each with its `file`, its `row` from 0 and `where` for errors,
    and the SHA-256 of all files together.

    Raises:
        TaskError: a file cannot be read, is not the one that `sha256` names, or has a line that is
            no JSON object.
    """
    digest, rows = hashlib.sha256(), []
    for path in paths:
        try:
            data = path.read_bytes()
            lines = data.decode("utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise TaskError(f"cannot read {path}: {error}") from error
        digest.update(data)
        for number, line in enumerate(lines, start=1):
            if line.strip():
                rows.append(_object(line, path.stem, number))
    found = digest.hexdigest()
    if sha256 not in (None, found):
        raise TaskError(
            f"{paths[0].parent} has changed: its SHA-256 is {found[:12]}..., but {sha256[:12]}... "
            "was asked for"
        )
    return rows, found


def _object(line: str, file: str, number: int) -> dict[str, Any]:
    where = f"{file}.jsonl:{number}"
    try:
        row = json.loads(line)
    except ValueError as error:
        raise TaskError(f"{where}: no JSON: {error}") from error
    if not isinstance(row, dict):
        raise TaskError(f"{where}: a row must be an object")
    return {**row, "file": file, "row": number - 1, "where": where}


def field_of(row: Mapping[str, Any], key: str) -> Any:
    """A row's value.

    Raises:
        TaskError: it has none, or an empty one.
    """
    if row.get(key) in (None, ""):
        raise TaskError(f"{row['where']}: the key {key!r} is missing or empty")
    return row[key]


def question_of(row: Mapping[str, Any]) -> str:
    """On one line, since a line end may end a question in a prompt."""
    return " ".join(str(field_of(row, "question")).split())


def worked(row: Mapping[str, Any]) -> tuple[str, Fraction, int]:
    """The worked solution, the answer, and the number of steps.

    Calculator marks (`<<3*4=12>>`) are taken out, lines become sentences, and `#### N` becomes
    `The final answer is N.` There are as many steps as marks, or as lines where there are none.

    Raises:
        TaskError: there is no `#### N` at the end.
    """
    steps, mark, end = str(field_of(row, "answer")).rpartition(_ANSWER)
    answer = parse_answer(end)
    if not mark or answer is None:
        raise TaskError(f"{row['where']}: the answer must end in '{_ANSWER} N', N being a number")
    lines = [" ".join(_MARK.sub("", line).split()) for line in steps.splitlines()]
    lines = [line for line in lines if line]
    sentences = [line if line[-1] in ".!?" else f"{line}." for line in lines]
    solution = " ".join([*sentences, FINAL.format(format_number(answer))])
    return solution, answer, max(len(_MARK.findall(steps)) or len(lines), 1)
