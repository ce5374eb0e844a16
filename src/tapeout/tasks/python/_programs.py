"""The twenty tasks by name, their programs as training text, and which a tokenizer allows."""

import keyword
import random
from collections.abc import Iterable
from typing import Any

from ...errors import TaskError, nearest
from .._task import SPLITS
from . import _loops, _names, _statements, _strings
from ._python_task import Fit, PythonTask
from ._template import Words
from ._words import EVERY_WORD, WORDS_OF

PYTHON_TASKS: dict[str, PythonTask] = {
    task.name: task
    for task in (
        _strings.QUOTES,
        _names.DEFAULTS,
        _names.TYPES,
        _names.TYPES_OF_CURRENT,
        _names.ATTRIBUTES,
        _strings.WITH_AS,
        _strings.IN_BRACES,
        _strings.FILE_MODES,
        _strings.NESTING,
        _statements.FOR_WHILE,
        _statements.ELSE_ELIF,
        _strings.F_STRINGS,
        _statements.TERNARY,
        _names.SWAP,
        _loops.BELOW_FOR,
        _statements.CALL_OR_COLON,
        _statements.COMPARISON,
        _loops.COUNTED,
        _statements.TRUE_COLON,
        _loops.BELOW_TRUE,
    )
}
"""In the order of the paper's Table 1."""

NAMED = ("word", "var", "func", "file")
"""Kinds of slot that any lower-case name can fill."""

BUILT_IN = """
    abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable chr classmethod
    compile complex copyright credits delattr dict dir divmod enumerate eval exec exit filter
    float format frozenset getattr globals hasattr hash help hex id input int isinstance
    issubclass iter len license list locals map max memoryview min next object oct open ord pow
    print property quit range repr reversed round set setattr slice sorted staticmethod str sum
    super tuple type vars zip
"""
"""Python's built-in functions and lower-case types, written out: a notebook replaces some of them
and adds others, and one name more or less would make another corpus."""

MEANT = {*keyword.kwlist, *keyword.softkwlist, *BUILT_IN.split()}
"""What Python has a meaning for."""


def programs(
    n: int,
    *,
    split: str | None = "train",
    seed: int = 0,
    tasks: Iterable[str] = PYTHON_TASKS,
    names: Iterable[str] = (),
) -> list[str]:
    """Whole programs of the tasks, each task equally often, and both sides of a pair by turns.

    They are valid Python. Mixed into a language model's training text they make the tasks learnable
    at small sizes; a model that has seen the programs of `train` has seen no name of the other
    splits in one.

    Args:
        n: how many programs.
        split: whose names stand in them; None: those of all splits, which only a tokenizer should
            be trained on.
        tasks: which, by their names in `PYTHON_TASKS`.
        names: more lower-case names to write with, dealt out to variables, functions, files and
            words in strings; those that any split's lists hold, or that mean something in Python,
            are left out. A model that met few names takes a string's end for a property of them.

    Raises:
        TaskError: there is no such split or task, or none at all.
    """
    words, chosen = _with_more(_words(split), names), _chosen(tasks)
    rng = random.Random(f"programs/{split}/{seed}")
    made = []
    for row in range(n):
        task = chosen[row // 2 % len(chosen)]
        draw = rng.choice(task.templates).draw(words, rng)
        made.append(draw.pair[row % 2].text)
    rng.shuffle(made)
    return made


def usability(tokenizer: Any, tasks: Iterable[str] = PYTHON_TASKS) -> list[Fit]:
    """Which of the tasks a tokenizer lets be asked, and why others not, one row a task.

    Raises:
        TaskError: there is no such task.
    """
    return [task.fit(tokenizer) for task in _chosen(tasks)]


def _words(split: str | None) -> Words:
    if split is None:
        return EVERY_WORD
    if split not in SPLITS:
        raise TaskError(f"unknown split {split!r}: {nearest(split, SPLITS)}")
    return WORDS_OF[split]


def _with_more(words: Words, names: Iterable[str]) -> Words:
    listed = {word for kind in EVERY_WORD.values() for word in kind}
    more = [name for name in dict.fromkeys(names) if name not in listed | MEANT]
    dealt = {kind: more[at :: len(NAMED)] for at, kind in enumerate(NAMED)}
    return {kind: [*own, *dealt.get(kind, ())] for kind, own in words.items()}


def _chosen(tasks: Iterable[str]) -> list[PythonTask]:
    names = list(tasks)
    if not names:
        raise TaskError(f"no task is named; there are {', '.join(PYTHON_TASKS)}")
    for name in names:
        if name not in PYTHON_TASKS:
            raise TaskError(f"there is no Python task {name!r}: {nearest(name, PYTHON_TASKS)}")
    return [PYTHON_TASKS[name] for name in names]
