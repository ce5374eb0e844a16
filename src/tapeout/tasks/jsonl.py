"""A task from a file of one's own."""

import hashlib
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import TaskError, nearest
from ._draw import SHARES
from ._jsonl_rows import Row, parse_rows
from ._metrics import ABOVE_FOIL, LOG_LIKELIHOOD, LOGIT_DIFFERENCE, Metric
from ._task import SPLITS, Split, Task

FILL_ORDER = ("test", "train", "validation", "reference")
"""Which split gets its first rows first."""


def jsonl(
    path: str | Path,
    tokenizer: Any,
    *,
    seed: int = 0,
    shares: Mapping[str, float] = SHARES,
    sha256: str | None = None,
) -> Task:
    """A task from a file with one JSON object a line.

    Keys: `prompt`; `answer`, a text or a list of texts that are all right (then single tokens);
    optionally `foil`, a text or a list; `counterfactual`, a prompt of as many tokens;
    `counterfactual_answer`, needed where answers have several tokens; `strata`, an object of group
    names and groups; `split`, one of train, validation, test and reference, in all rows or none.

    Without `split` the rows are divided at random, and rows that share a text (a prompt or a
    counterfactual) stay together. With it, a validation or reference set that the file does not
    give is taken out of its train rows. Where every row has foils, and answers and foils are single
    tokens, the metrics are logit_difference, above_foil and log_likelihood; otherwise
    log_likelihood.

    Args:
        shares: how much of the file each split gets, in any unit.
        sha256: of the file, if it must be a certain one.

    Raises:
        TaskError: there is no such file, or it is not the one that `sha256` names; a line is not
            UTF-8 or not an object, has an unknown key, lacks one or has one of the wrong type, or
            does not fit the tokenizer; two splits share a text; or the rows cannot be divided.
    """
    path = Path(path).expanduser()
    data, digest = _read(path, sha256)
    _check_shares(shares)
    rows = parse_rows(data, path.name, tokenizer)
    parts = _divided(rows, shares, random.Random(seed), path.name)
    splits = {
        split: Split(f"{path.stem}/{split}", [row.example for row in parts[split]], tokenizer)
        for split in SPLITS
    }
    config = {"name": str(path.resolve()), "seed": seed, "shares": dict(shares), "sha256": digest}
    return Task(name=path.stem, metrics=_metrics(rows), config=config, **splits)


def _read(path: Path, sha256: str | None) -> tuple[bytes, str]:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise TaskError(f"there is no file {path}") from error
    except OSError as error:
        raise TaskError(f"cannot read {path}: {error.strerror}") from error
    digest = hashlib.sha256(data).hexdigest()
    if sha256 not in (None, digest):
        raise TaskError(
            f"{path} has changed: its SHA-256 is {digest[:12]}..., but {sha256[:12]}... was asked "
            "for"
        )
    return data, digest


def _check_shares(shares: Mapping[str, float]) -> None:
    for split, share in shares.items():
        if split not in SPLITS:
            raise TaskError(f"unknown split {split!r} in shares: {nearest(split, SPLITS)}")
        if not share > 0:
            raise TaskError(f"the share of {split} must be above 0, not {share}")
    if missing := [split for split in SPLITS if split not in shares]:
        raise TaskError(f"shares must name every split; {', '.join(missing)} is missing")


def _divided(
    rows: Sequence[Row], shares: Mapping[str, float], rng: random.Random, name: str
) -> dict[str, list[Row]]:
    given = [row for row in rows if row.split is not None]
    if not given:
        return _spread(rows, shares, FILL_ORDER, rng, name)
    if len(given) < len(rows):
        bare = next(row for row in rows if row.split is None)
        raise TaskError(f"{bare.where}: no split, but {given[0].where} has one: all rows or none")
    parts: dict[str, list[Row]] = {split: [] for split in SPLITS}
    for row in given:
        parts[row.split or ""].append(row)
    _check_disjoint(given)
    for split in ("train", "test"):
        if not parts[split]:
            raise TaskError(f"{name}: no row has the split {split!r}")
    taken = ["train", *(split for split in SPLITS if not parts[split])]
    return parts | _spread(parts["train"], shares, taken, rng, f"{name}, split train")


def _check_disjoint(rows: Sequence[Row]) -> None:
    owner: dict[str, Row] = {}
    for row in rows:
        for text in row.texts:
            other = owner.setdefault(text, row)
            if other.split != row.split:
                raise TaskError(
                    f"{row.where} ({row.split}) and {other.where} ({other.split}) share {text!r}: "
                    "splits must not share prompts or counterfactuals"
                )


def _spread(
    rows: Sequence[Row],
    shares: Mapping[str, float],
    splits: Sequence[str],
    rng: random.Random,
    name: str,
) -> dict[str, list[Row]]:
    """Groups of rows that share texts to the split that is shortest of its share; none stays empty.

    Raises:
        TaskError: there are fewer groups than splits.
    """
    groups = _groups(rows)
    if len(groups) < len(splits):
        raise TaskError(
            f"{name}: {len(rows)} rows in {len(groups)} groups that share no text, but "
            f"{', '.join(splits)} need one each: add rows"
        )
    rng.shuffle(groups)
    groups.sort(key=len, reverse=True)
    total = sum(shares[split] for split in splits)
    missing = {split: shares[split] / total * len(rows) for split in splits}
    chosen: dict[str, list[int]] = {split: [] for split in splits}
    for done, group in enumerate(groups):
        empty = [split for split in splits if not chosen[split]]
        last_chance = len(groups) - done <= len(empty)
        split = max(empty if last_chance else splits, key=missing.__getitem__)
        chosen[split] += group
        missing[split] -= len(group)
    return {split: [rows[row] for row in sorted(found)] for split, found in chosen.items()}


def _groups(rows: Sequence[Row]) -> list[list[int]]:
    """Rows that are connected by shared texts."""
    parent = list(range(len(rows)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = row = parent[parent[row]]
        return row

    first: dict[str, int] = {}
    for number, row in enumerate(rows):
        for text in row.texts:
            parent[root(number)] = root(first.setdefault(text, number))
    groups: dict[int, list[int]] = defaultdict(list)
    for number in range(len(rows)):
        groups[root(number)].append(number)
    return list(groups.values())


def _metrics(rows: Sequence[Row]) -> dict[str, Metric]:
    contrast = all(
        row.encoded.foils and all(len(own) == 1 for own in row.encoded.answers + row.encoded.foils)
        for row in rows
    )
    metrics = (LOGIT_DIFFERENCE, ABOVE_FOIL, LOG_LIKELIHOOD) if contrast else (LOG_LIKELIHOOD,)
    return {metric.name: metric for metric in metrics}
