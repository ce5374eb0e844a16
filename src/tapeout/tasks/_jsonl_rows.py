"""Reading a user's examples, one JSON object a line; every error says which line."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import TaskError, nearest
from ._example import Encoded, Example, encode
from ._task import SPLITS

KEYS = ("prompt", "answer", "foil", "counterfactual", "counterfactual_answer", "strata", "split")


@dataclass(frozen=True, kw_only=True)
class Row:
    """An example and where it stands in the file; `split` is None where the file does not say."""

    where: str
    example: Example
    encoded: Encoded
    split: str | None

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts that must not occur in another split."""
        other = self.example.counterfactual
        return (self.example.prompt,) if other is None else (self.example.prompt, other)


def parse_rows(data: bytes, name: str, tokenizer: Any) -> list[Row]:
    """The rows of a file's content; empty lines are passed over.

    Raises:
        TaskError: see `jsonl`.
    """
    rows = []
    for number, line in enumerate(_decode(data, name).split("\n"), start=1):
        if line.strip():
            where = f"{name}, line {number}"
            try:
                rows.append(_row(line, where, tokenizer))
            except TaskError as error:
                raise TaskError(f"{where}: {error}") from error
    if not rows:
        raise TaskError(f"{name} has no rows: write one JSON object a line, as in {EXAMPLE}")
    return rows


EXAMPLE = '{"prompt": "The capital of France is", "answer": " Paris", "foil": " Rome"}'


def _decode(data: bytes, name: str) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TaskError(f"{name}, line 1: the file is UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")  # a UTF-8 byte order mark does no harm
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TaskError(
            f"{name}, line {line}: byte 0x{data[error.start]:02x} is not UTF-8; save it as UTF-8"
        ) from error


def _row(line: str, where: str, tokenizer: Any) -> Row:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise TaskError(
            f"not JSON: {error.msg} at column {error.colno}; write one object a line, as in "
            f"{EXAMPLE}"
        ) from error
    if not isinstance(found, dict):
        raise TaskError(f"expected an object, as in {EXAMPLE}, but found {_kind(found)}")
    for key in found:
        if key not in KEYS:
            raise TaskError(f"unknown key {key!r}: {nearest(key, KEYS)}")
    example = _example(found)
    return Row(
        where=where, example=example, encoded=encode(tokenizer, example), split=_split(found)
    )


def _example(found: Mapping[str, Any]) -> Example:
    answers, foils = _texts(found, "answer", required=True), _texts(found, "foil")
    if both := [text for text in foils if text in answers]:
        raise TaskError(f"{both[0]!r} is both an answer and a foil")
    counterfactual = _text(found, "counterfactual")
    counterfactual_answer = _text(found, "counterfactual_answer")
    if counterfactual is None and counterfactual_answer is not None:
        raise TaskError("there is a counterfactual_answer but no counterfactual")
    return Example(
        prompt=_text(found, "prompt", required=True) or "",
        answers=answers,
        foils=foils,
        counterfactual=counterfactual,
        counterfactual_answer=counterfactual_answer,
        strata=_strata(found),
        content=() if counterfactual is None else (counterfactual,),
    )


def _text(found: Mapping[str, Any], key: str, *, required: bool = False) -> str | None:
    """The key's text; a null is as good as no key."""
    value = found.get(key)
    if value is None and not required:
        return None
    if key not in found:
        raise TaskError(f"the key {key!r} is missing")
    if not isinstance(value, str) or not value:
        raise TaskError(f"{key!r} must be a text, but found {_kind(value)}")
    return value


def _texts(found: Mapping[str, Any], key: str, *, required: bool = False) -> tuple[str, ...]:
    value = found.get(key)
    if not isinstance(value, list):
        text = _text(found, key, required=required)
        return () if text is None else (text,)
    if not value and required:
        raise TaskError(f"{key!r} is an empty list")
    for item in value:
        if not isinstance(item, str) or not item:
            raise TaskError(f"{key!r} must be a text or a list of texts, but holds {_kind(item)}")
    if len(set(value)) < len(value):
        raise TaskError(f"{key!r} has a text twice")
    return tuple(value)


def _strata(found: Mapping[str, Any]) -> dict[str, str]:
    value = found.get("strata")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TaskError(
            f"'strata' must be an object of group names and groups, but found {_kind(value)}"
        )
    for group, member in value.items():
        if not isinstance(member, str | int | float):
            raise TaskError(
                f"'strata' must map each name to a text or a number, but {group!r} is "
                f"{_kind(member)}"
            )
    return {group: str(member) for group, member in value.items()}


def _split(found: Mapping[str, Any]) -> str | None:
    split = _text(found, "split")
    if split is not None and split not in SPLITS:
        raise TaskError(f"unknown split {split!r}: {nearest(split, SPLITS)}")
    return split


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if value == "":
        return "an empty text"
    names = {bool: "true or false", dict: "an object", list: "a list", str: "a text"}
    return names.get(type(value), "a number")
