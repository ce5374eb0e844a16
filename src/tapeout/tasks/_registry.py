"""Every task by name. A new one is a new file and a line here."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import TaskError, nearest
from ._task import SPLITS, Counts, Task
from .addition import addition
from .digits import comparison, copy, maximum, reversal, subtraction
from .greater_than import greater_than
from .ioi import ioi
from .jsonl import jsonl
from .pronouns import pronouns
from .python import PYTHON_TASKS
from .text import text

Builder = Callable[..., Task]


class Listed(NamedTuple):
    """A task that can be built by name, and one line about it."""

    builder: Builder
    about: str


TASKS: dict[str, Listed] = {
    "ioi": Listed(ioi, "which of two names receives: the one that is not repeated"),
    "greater-than": Listed(greater_than, "an interval's end lies after its start"),
    "pronouns": Listed(pronouns, '"he" or "she" after a given name'),
    "addition": Listed(addition, "the sum of two numbers, all its digits and the end"),
    "subtraction": Listed(subtraction, "the difference of two numbers, with its sign"),
    "maximum": Listed(maximum, "the larger of two numbers"),
    "comparison": Listed(comparison, "two numbers: <, = or >"),
    "copy": Listed(copy, "a text of digits once more"),
    "reversal": Listed(reversal, "a text of digits from its end to its start"),
    "text": Listed(text, "plain text, every next token: what an edit should leave alone"),
    **{name: Listed(task, task.about) for name, task in PYTHON_TASKS.items()},
}
"""Built-in tasks by name."""


def build(
    name: str | Path,
    tokenizer: Any,
    *,
    n: int | Counts | Mapping[str, int] | None = None,
    seed: int = 0,
    criterion: str | None = None,
    **options: Any,
) -> Task:
    """A task by its name, or from a `.jsonl` file; `build(tokenizer=..., **task.config)` makes the
    same task again.

    Args:
        n: examples, see `Counts.of`, or a number for each split; None is the task's default.
        criterion: when an example counts as right, `exact` or `above_foil`; None is the task's own.
        options: the task's own, such as `digits` for addition.

    Raises:
        TaskError: there is no such task, file, option or criterion, or the task cannot be built.
    """
    task = _build(name, tokenizer, n, seed, options)
    return task if criterion is None else task.counted_by(criterion)


def _build(
    name: str | Path,
    tokenizer: Any,
    n: int | Counts | Mapping[str, int] | None,
    seed: int,
    options: dict[str, Any],
) -> Task:
    if str(name).endswith(".jsonl"):
        if n is not None:
            raise TaskError(f"{name} is as large as it is: n is for built-in tasks")
        _check_options(str(name), jsonl, options)
        return jsonl(name, tokenizer, seed=seed, **options)
    if name not in TASKS:
        raise TaskError(
            f"there is no task {str(name)!r}: {nearest(str(name), TASKS)} A file of your own must "
            "end in .jsonl"
        )
    builder = TASKS[str(name)].builder
    _check_options(str(name), builder, options)
    if n is not None:
        options["n"] = _counts(n)
    return builder(tokenizer, seed=seed, **options)


def _check_options(name: str, builder: Builder, options: Mapping[str, Any]) -> None:
    known = set(inspect.signature(builder).parameters) - {"tokenizer", "path", "n", "seed"}
    for option in options:
        if option not in known:
            hint = nearest(option, known) if known else "It has none."
            raise TaskError(f"{name} has no option {option!r}: {hint}")


def _counts(n: int | Counts | Mapping[str, int]) -> int | Counts:
    if not isinstance(n, Mapping):
        return n
    for split in n:
        if split not in SPLITS:
            raise TaskError(f"unknown split {split!r} in n: {nearest(split, SPLITS)}")
    return Counts(**n)
