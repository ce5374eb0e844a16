"""Every reasoning task by name. A new one is a new file and a line here."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..errors import TaskError, nearest
from ._filter import with_templates
from ._task import ReasoningTask
from .gsm8k import gsm8k
from .gsm_symbolic import gsm_symbolic
from .word_problems import word_problems


class Listed(NamedTuple):
    """A reasoning task that can be built by name, and one line about it."""

    builder: Callable[..., ReasoningTask]
    about: str


REASONING_TASKS: dict[str, Listed] = {
    "word-problems": Listed(word_problems, "word problems of one to four steps, by templates"),
    "gsm8k": Listed(gsm8k, "GSM8K, from a folder"),
    "gsm-symbolic": Listed(gsm_symbolic, "GSM-Symbolic, from files or the hub"),
}
"""Built-in reasoning tasks by name."""


def build(
    name: str,
    *,
    tokenizer: Any = None,
    chat: bool = False,
    train_templates: Sequence[str] | None = None,
    **options: Any,
) -> ReasoningTask:
    """A reasoning task by its name; `build(tokenizer=..., **task.config)` makes the same again.

    Args:
        tokenizer: only a chat needs it.
        chat: whether problems are put by the tokenizer's chat template.
        train_templates: those that the train split is left with (`filter_templates`).
        options: the task's own, such as `steps`.

    Raises:
        TaskError: there is no such task or option, it cannot be built, or there is no
            chat template.
    """
    if name not in REASONING_TASKS:
        raise TaskError(f"there is no reasoning task {name!r}: {nearest(name, REASONING_TASKS)}")
    builder = REASONING_TASKS[name].builder
    signature = inspect.signature(builder).parameters
    for option in options:
        if option not in signature:
            raise TaskError(f"{name} has no option {option!r}: {nearest(option, signature)}")
    for option, parameter in signature.items():
        if parameter.default is parameter.empty and option not in options:
            raise TaskError(f"{name} needs the option {option!r}")
    task = builder(**options)
    if train_templates is not None:
        task = with_templates(task, train_templates)
    return task.in_chat(tokenizer) if chat else task
