"""GSM-Symbolic: templates of GSM8K problems with 50 instances each (Mirzadeh et al. 2025)."""

import importlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import TaskError
from ._division import divided
from ._problem import Problem
from ._rows import field_of, question_of, read_rows, worked
from ._shots import worked_examples
from ._task import ReasoningTask

NAME = "gsm-symbolic"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def gsm_symbolic(
    source: str | Path,
    *,
    seed: int = 0,
    shots: int = 8,
    variant: str = "main",
    held_out: Sequence[str] = (),
    sha256: str | None = None,
) -> ReasoningTask:
    """GSM-Symbolic from a JSONL file, a folder of them, or a data set on the Hugging Face hub.

    Rows have `original_id` (the template), `instance`, `question` and `answer` (steps, then
    `#### N`). Each template's instances are shuffled by the seed and divided 52%, 8%, 40% (paper 2,
    section 4.1: 26, 4 and 20 of 50), so another seed is another division, as in the paper's code.
    The worked examples of the prompt are those of our own templates; the paper has eight.

    Args:
        source: a path, or an id such as `apple/GSM-Symbolic` (needs the package `datasets`).
        variant: which configuration of a data set on the hub; files are one variant each.
        held_out: templates that only the test split has problems of.
        sha256: of the files, one after the other, if they must be certain ones.

    Raises:
        TaskError: the source is missing or damaged, `datasets` is not installed, an answer does not
            end in a number, an instance comes twice, or a template has fewer than 3 instances.
    """
    rows, digest, where = _rows(source, variant, sha256)
    problems: dict[tuple[str, int], Problem] = {}
    for row in rows:
        problem = _problem(row)
        key = problem.template_id, problem.instance_id
        if key in problems:
            raise TaskError(
                f"{row['where']}: template {key[0]} has instance {key[1]} twice; give one variant "
                "(main, p1, p2) at a time"
            )
        problems[key] = problem
    splits = divided(NAME, _distinct(problems), seed=seed, held_out=held_out)
    config = {"name": NAME, "source": where, "seed": seed, "shots": shots, "variant": variant}
    config |= {"held_out": list(held_out), "sha256": digest}
    return ReasoningTask(
        name=NAME,
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        shots=worked_examples(shots),
        config=config,
    )


def _distinct(problems: Mapping[Any, Problem]) -> list[Problem]:
    """A question that comes twice is taken once, so that no split shares it with another."""
    by_question: dict[str, Problem] = {}
    for problem in problems.values():
        by_question.setdefault(problem.question, problem)
    return list(by_question.values())


def _problem(row: Mapping[str, Any]) -> Problem:
    solution, answer, steps = worked(row)
    try:
        instance_id = int(field_of(row, "instance"))
    except (TypeError, ValueError) as error:
        raise TaskError(f"{row['where']}: 'instance' must be a number") from error
    return Problem(
        question=question_of(row),
        solution=solution,
        answer=answer,
        template_id=str(field_of(row, "original_id")),
        instance_id=instance_id,
        steps=steps,
    )


def _rows(
    source: str | Path, variant: str, sha256: str | None
) -> tuple[list[Any], str | None, str]:
    path = Path(source).expanduser()
    if path.is_dir():
        paths = sorted(path.glob("*.jsonl"))
        if not paths:
            raise TaskError(f"{path} holds no .jsonl file")
        return *read_rows(paths, sha256), str(path.resolve())
    if path.is_file():
        return *read_rows([path], sha256), str(path.resolve())
    if isinstance(source, str) and _HUB_ID.fullmatch(source) and not source.endswith(".jsonl"):
        return _from_hub(source, variant), None, source
    raise TaskError(f"{path} is no file, no folder, and no id such as apple/GSM-Symbolic")


def _from_hub(name: str, variant: str) -> list[Any]:
    try:
        datasets = importlib.import_module("datasets")
    except ImportError as error:
        raise TaskError(
            f"{name} is to be read from the hub, which needs a package: pip install datasets; or "
            "give a folder or file"
        ) from error
    try:
        rows = datasets.load_dataset(name, name=variant, split="test")
    except Exception as error:  # the hub's errors have no common class
        raise TaskError(f"cannot load {name} ({variant}) from the hub: {error}") from error
    return [{**row, "where": f"{name}, row {number}"} for number, row in enumerate(rows)]
