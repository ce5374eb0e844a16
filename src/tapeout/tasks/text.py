"""Plain text, token by token: what an edit of a model should leave alone."""

import ast
import random
import sysconfig
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import TaskError
from ._example import Encoded, Example
from ._metrics import LOG_LIKELIHOOD
from ._task import Counts, Split, Task

DOCSTRINGS, CODE = "docstrings", "code"
LEAST = 200
"""Characters of a docstring that is text rather than a line."""

STRETCH = 100
"""Lines of a module."""


@dataclass(frozen=True, eq=False)
class TextSplit(Split):
    """Windows of text; the first token of each is given, the rest is its answer."""

    windows: Sequence[list[int]] = field(default=(), repr=False)

    @cached_property
    def encoded(self) -> list[Encoded]:
        empty: Any = {"foils": [], "counterfactual": [], "counterfactual_answer": []}
        return [Encoded(prompt=ids[:1], answers=[ids[1:]], **empty) for ids in self.windows]

    def take(self, n: int) -> Split:
        name = f"{self.name}[:{n}]"
        return replace(self, name=name, examples=self.examples[:n], windows=self.windows[:n])

    def subset(self, rows: Sequence[int], label: str) -> Split:
        chosen = [self.examples[row] for row in rows], [self.windows[row] for row in rows]
        return replace(self, name=f"{self.name} ({label})", examples=chosen[0], windows=chosen[1])


def text(
    tokenizer: Any,
    *,
    source: str = DOCSTRINGS,
    length: int = 32,
    n: int | Counts = 400,
    seed: int = 0,
) -> Task:
    """Windows of text as a task: every next token of a window, given its first.

    Nothing is right or wrong here; what counts is how far a changed model's next-token
    distribution is from the base's. A document lies in one split only, and gives each of its
    windows once.

    Args:
        source: `docstrings`, those of the running Python's standard library, `code`, a stretch of
            each of its modules, or a text file whose documents stand apart by empty lines.
        length: tokens of a window.

    Raises:
        TaskError: the file cannot be read, or there is too little text that the tokenizer knows.
    """
    counts, rng = Counts.of(n), random.Random(f"text/{seed}")
    built_in = {DOCSTRINGS: _docstrings, CODE: _code}
    unread = built_in[source](rng) if source in built_in else _documents(source, rng)
    splits = {
        name: _split(f"text/{name}", tokenizer, unread, count, length, source)
        for name, count in counts.items()
    }
    config = {"name": "text", "n": dict(counts.items()), "seed": seed}
    config |= {"source": source, "length": length}
    metrics = {LOG_LIKELIHOOD.name: LOG_LIKELIHOOD}
    return Task(name="text", metrics=metrics, config=config, **splits)


def _split(
    name: str, tokenizer: Any, documents: Iterator[str], count: int, length: int, source: str
) -> TextSplit:
    windows: list[list[int]] = []
    unknown = getattr(tokenizer, "unk_token_id", None)
    for document in documents:
        ids = list(tokenizer(document, add_special_tokens=False).input_ids)
        if unknown in ids:
            continue
        windows += [ids[at : at + length] for at in range(0, len(ids) - length + 1, length)]
        if len(windows) >= count:
            break
    if len(windows) < count:
        raise TaskError(
            f"{source} has too little text that the tokenizer knows: {name} has {len(windows)} "
            f"windows of {length} tokens, not {count}. Ask for fewer (n)"
        )
    windows = windows[:count]
    examples = [
        Example(
            prompt=f"{name}:{row}", answers=(tokenizer.decode(ids),), content=(f"{name}:{row}",)
        )
        for row, ids in enumerate(windows)
    ]
    return TextSplit(name, examples, tokenizer, windows=windows)


def _documents(source: str, rng: random.Random) -> Iterator[str]:
    try:
        whole = Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(f"cannot read the text {source}: {error}") from error
    documents = sorted({part.strip() for part in whole.split("\n\n")} - {""})
    rng.shuffle(documents)
    yield from documents


def _code(rng: random.Random) -> Iterator[str]:
    """A stretch of lines of every module: no large one makes up a whole split."""
    for module in _modules(rng):
        lines = module.splitlines(keepends=True)
        start = rng.randrange(max(len(lines) - STRETCH, 1))
        yield "".join(lines[start : start + STRETCH])


def _modules(rng: random.Random) -> Iterator[str]:
    paths = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    rng.shuffle(paths)
    for path in paths:
        try:
            yield path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue


def _docstrings(rng: random.Random) -> Iterator[str]:
    seen: set[str] = set()
    for module in _modules(rng):
        for document in _docstrings_of(module):
            if document not in seen:
                seen.add(document)
                yield document


def _docstrings_of(module: str) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other people's escapes
        try:
            tree = ast.parse(module)
        except SyntaxError:
            return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            found = ast.get_docstring(node)
            if found and len(found) >= LEAST:
                yield found
