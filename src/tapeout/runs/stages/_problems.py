"""Stages of problems whose answers can be checked: the problems, and how many a model solves."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from ... import reasoning
from ...amplify import Solved, solve
from ...errors import RecipeError
from ...models import Model
from ...reasoning import Problem, ProblemSplit, ReasoningTask
from ...verify import paired
from .._stage import Stage, Work, ref
from ._artifacts import MODELS

PROBLEMS = ("problems",)
"""Kinds of stage whose artifact is a task of problems."""


@dataclass(frozen=True, kw_only=True)
class Problems(Stage):
    """Problems with worked solutions.

    Attributes:
        model: whose chat template is used, with `chat`; none unless it is named.
        name: `word-problems`, `gsm8k` or `gsm-symbolic`.
        options: what that takes, see `reasoning.word_problems` and its neighbours.
        chat: put problems as a chat, by the tokenizer's template.
    """

    kind: ClassVar[str] = "problems"
    room: ClassVar[str] = "reasoning"
    model: str = ref(*MODELS, named=True)
    name: str = "word-problems"
    options: dict[str, Any] = field(default_factory=dict)
    chat: bool = False

    def outside(self) -> dict[str, Any]:
        files = {key: Path(value) for key, value in self.options.items() if isinstance(value, str)}
        return {
            key: hashlib.sha256(path.read_bytes()).hexdigest()
            for key, path in files.items()
            if path.is_file()
        }

    def _build(self, model: Model | None) -> ReasoningTask:
        task = reasoning.build(self.name, **self.options)
        if not self.chat:
            return task
        if model is None:
            raise RecipeError("chat needs a model, whose tokenizer has the template")
        return task.in_chat(model.tokenizer)

    def run(self, work: Work) -> dict[str, Any]:
        task = self._build(work.inputs["model"])
        for split in task.splits:
            lines = [json.dumps(_plain(problem)) for problem in split]
            path = work.folder / f"{split.name.rpartition('/')[2]}.jsonl"
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return {
            "task": task.name,
            "config": dict(task.config),
            "sizes": {split.name.rpartition("/")[2]: len(split) for split in task.splits},
            "templates": len({problem.template_id for problem in task.test}),
            "shots": len(task.shots),
            "prompt": task.prompt_text(task.test[0]),
            "solution": task.test[0].solution,
        }

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> ReasoningTask:
        return self._build(inputs["model"])


def _plain(problem: Problem) -> dict[str, Any]:
    return asdict(problem) | {"answer": str(problem.answer)}


@dataclass(frozen=True, kw_only=True)
class Solve(Stage):
    """How many problems a model solves, by greedy decoding.

    Attributes:
        against: an earlier one on the same problems; the difference is taken problem by problem.
        split: which problems.
        take: only the first so many; 0 takes all.
        limit: most tokens of a solution.
        batch_size: problems at once.
    """

    kind: ClassVar[str] = "solve"
    room: ClassVar[str] = "amplify"
    model: str = ref(*MODELS)
    problems: str = ref(*PROBLEMS)
    against: str = ref("solve", named=True)
    split: Literal["train", "validation", "test"] = "test"
    take: int = 0
    limit: int = 256
    batch_size: int = 32

    def run(self, work: Work) -> dict[str, Any]:
        task: ReasoningTask = work.inputs["problems"]
        found = solve(
            work.inputs["model"],
            problems_of(task, self.split, self.take),
            task=task,
            limit=self.limit,
            batch_size=self.batch_size,
            path=work.folder / "written.jsonl",
            progress=work.progress,
        )
        (work.folder / "solved.json").write_text(json.dumps(found.right), encoding="utf-8")
        before: list[bool] | None = work.inputs["against"]
        weights = work.inputs["model"].fingerprint.weights
        metrics = found.to_dict() | {"weights": weights, "limit": self.limit}
        if before is None:
            return metrics
        if work.metrics["against"]["split"] != found.split.name or len(before) != len(found.right):
            raise RecipeError(
                f"{self.against} is of {work.metrics['against']['split']} (n = {len(before)}), "
                f"this of {found.split.name} (n = {len(found.right)}): compare the same problems"
            )
        return metrics | {"gain": _gain(before, found)}

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> list[bool]:
        return json.loads((folder / "solved.json").read_text(encoding="utf-8"))


def _gain(before: list[bool], found: Solved) -> dict[str, Any]:
    groups = [problem.template_id for problem in found.split]
    return {
        "by_problem": paired(before, found.right).to_dict(),
        "by_template": paired(before, found.right, groups=groups).to_dict(),
    }


def problems_of(task: ReasoningTask, part: str, take: int) -> ProblemSplit:
    """A split of a task, or its first problems."""
    split: ProblemSplit = getattr(task, part)
    return split.take(take) if take else split
