"""Problems as a task of prompts and continuations, for trainings and distances."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ..tasks import LOG_LIKELIHOOD, Encoded, Example, Split, Task
from ._problem import Problem


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a problem's prompt and worked solution are.

    Attributes:
        text: problem -> prompt and continuation.
        ids: problem -> their tokens, which are not those of the text as a whole.
    """

    text: Callable[[Problem], tuple[str, str]]
    ids: Callable[[Problem], tuple[list[int], list[int]]]


@dataclass(frozen=True, eq=False, kw_only=True)
class WorkedSplit(Split):
    """Prompts and solutions whose tokens are those that generation sees."""

    problems: Sequence[Problem]
    written: Written

    @cached_property
    def encoded(self) -> list[Encoded]:
        rows = map(self.written.ids, self.problems)
        empty: Any = {"foils": [], "counterfactual": [], "counterfactual_answer": []}
        return [Encoded(prompt=prompt, answers=[answer], **empty) for prompt, answer in rows]

    def take(self, n: int) -> Split:
        return self._of(range(len(self))[:n], f"{self.name}[:{n}]")

    def subset(self, rows: Sequence[int], label: str) -> Split:
        return self._of(rows, f"{self.name} ({label})")

    def _of(self, rows: Sequence[int], name: str) -> Split:
        examples, problems = [self.examples[r] for r in rows], [self.problems[r] for r in rows]
        return replace(self, name=name, examples=examples, problems=problems)


def as_task(
    name: str,
    parts: Mapping[str, Sequence[Problem]],
    tokenizer: Any,
    *,
    written: Written,
    config: Mapping[str, Any],
) -> Task:
    """A task of four splits of problems."""

    def split(part: str) -> WorkedSplit:
        return WorkedSplit(
            f"{name}/{part}",
            [_example(problem, *written.text(problem)) for problem in parts[part]],
            tokenizer,
            problems=parts[part],
            written=written,
        )

    return Task(
        name=name,
        train=split("train"),
        validation=split("validation"),
        test=split("test"),
        reference=split("reference"),
        metrics={LOG_LIKELIHOOD.name: LOG_LIKELIHOOD},
        config=dict(config),
    )


def _example(problem: Problem, prompt: str, answer: str) -> Example:
    return Example(
        prompt=prompt,
        answers=(answer,),
        strata={"template": problem.template_id, "steps": str(problem.steps)},
        content=(f"{problem.template_id}:{problem.instance_id}",),
    )
