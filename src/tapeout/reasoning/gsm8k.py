"""GSM8K: school problems in words (Cobbe et al. 2021)."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import TaskError, nearest
from ._problem import PARTS, Problem, ProblemSplit
from ._rows import question_of, read_rows, worked
from ._shots import worked_examples
from ._task import ReasoningTask

NAME = "gsm8k"
FILES = ("train", "test")
VALIDATION = 0.08
"""The part of the train file that becomes the validation split."""


def gsm8k(
    path: str | Path,
    *,
    n: Mapping[str, int] | None = None,
    seed: int = 0,
    shots: int = 4,
    sha256: str | None = None,
) -> ReasoningTask:
    """GSM8K from a folder with `train.jsonl` and `test.jsonl`, one object a line with `question`
    and `answer` (steps, then `#### N`).

    The test split is the test file's, the other two share the train file. A problem's `steps` are
    the calculations that its answer marks. The worked examples of the prompt are those of our own
    templates, so no problem has to be given away for them.

    Args:
        n: how many problems `train`, `validation` and `test` have at most; None for all.
        seed: shuffles the files.
        sha256: of the two files, one after the other, if they must be certain ones.

    Raises:
        TaskError: a file is missing, damaged or not the one that `sha256` names, an answer does not
            end in a number, or `n` asks for more than there is.
    """
    folder = Path(path).expanduser()
    rows, digest = read_rows([folder / f"{name}.jsonl" for name in FILES], sha256)
    train, test = (_problems([row for row in rows if row["file"] == f], f, seed) for f in FILES)
    if len(train) < 2:
        raise TaskError(f"{folder / 'train.jsonl'} has too few problems to give some to validation")
    kept = len(train) - max(int(len(train) * VALIDATION), 1)
    found = {"train": train[:kept], "validation": train[kept:], "test": test}
    splits = {part: _split(part, found[part], n) for part in PARTS}
    config: dict[str, Any] = {"name": NAME, "path": str(folder.resolve()), "seed": seed}
    config |= {"n": None if n is None else dict(n), "shots": shots, "sha256": digest}
    return ReasoningTask(
        name=NAME,
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        shots=worked_examples(shots),
        config=config,
    )


def _problems(rows: Sequence[Any], file: str, seed: int) -> list[Problem]:
    """A file's problems, shuffled; a question that comes twice only once."""
    problems: dict[str, Problem] = {}
    for row in rows:
        question, (solution, answer, steps) = question_of(row), worked(row)
        problem = Problem(
            question=question,
            solution=solution,
            answer=answer,
            template_id=f"{NAME}-{file}",
            instance_id=row["row"],
            steps=steps,
        )
        problems.setdefault(question, problem)
    found = list(problems.values())
    random.Random(f"{NAME}/{file}/{seed}").shuffle(found)
    return found


def _split(part: str, problems: list[Problem], n: Mapping[str, int] | None) -> ProblemSplit:
    for name in n or ():
        if name not in PARTS:
            raise TaskError(f"unknown split {name!r} in n: {nearest(name, PARTS)}")
    count = (n or {}).get(part, len(problems))
    if not 0 < count <= len(problems):
        raise TaskError(f"{NAME}/{part} has {len(problems)} problems, but {count} were asked for")
    return ProblemSplit(f"{NAME}/{part}", tuple(problems[:count]))
