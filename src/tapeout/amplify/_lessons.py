"""Worked solutions to learn from, as rows of tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import AmplifyError
from ..models import Model, Stem, Tokens
from ..reasoning import ProblemSplit, ReasoningTask

IGNORED = -100


@dataclass(frozen=True)
class Lesson:
    """A problem: what is read, and what is learned."""

    prompt: tuple[int, ...]
    solution: tuple[int, ...]

    @property
    def row(self) -> tuple[int, ...]:
        """What the model reads: no token follows the last one."""
        return self.prompt + self.solution[:-1]


@dataclass(frozen=True, eq=False)
class Part:
    """Lessons that run together.

    Attributes:
        tokens: filled up on the right: with causal attention no token that counts sees that, and
            all rows start in one column, behind the same prefix.
        targets: the next token at every position, -100 where it is not part of a solution.
        first: the first position that counts in any row.
    """

    tokens: Tokens
    targets: Int[Tensor, "rows pos"]
    first: int


def lessons_of(task: ReasoningTask, split: ProblemSplit, model: Model) -> list[Lesson]:
    """Every problem behind the task's prefix, as tokens.

    Raises:
        AmplifyError: there are no problems, or one is longer than the model's positions.
        TaskError: the tokenizer merges the end of a prompt with the start of a solution.
    """
    tokenizer = model.tokenizer
    prefix = task.prefix_ids(tokenizer)
    found = []
    for problem in split:
        prompt = (*prefix, *task.prompt_ids(tokenizer, problem))
        found.append(Lesson(prompt, tuple(task.solution_ids(tokenizer, problem))))
    if not found:
        raise AmplifyError(f"{split.name} has no problems: there is nothing to learn from")
    most = getattr(model.hf.config, "max_position_embeddings", None)
    longest = max(len(lesson.row) for lesson in found)
    if most is not None and longest > most:
        raise AmplifyError(
            f"{split.name} has a problem of {longest} tokens with its prompt, and {model.name} "
            f"only {most} positions: use fewer worked examples, or none (shots: false)"
        )
    return found


def parts_of(lessons: Sequence[Lesson], most: int) -> Iterator[Part]:
    """The lessons in parts of at most `most`, those of like length together."""
    ordered = sorted(lessons, key=lambda lesson: len(lesson.row))
    for start in range(0, len(ordered), most):
        own = ordered[start : start + most]
        width = max(len(lesson.row) for lesson in own)
        ids = torch.zeros(len(own), width, dtype=torch.long)
        targets = torch.full((len(own), width), IGNORED)
        for row, lesson in enumerate(own):
            end = len(lesson.row)
            ids[row, :end] = torch.tensor(lesson.row)
            targets[row, len(lesson.prompt) - 1 : end] = torch.tensor(lesson.solution)
        first = min(len(lesson.prompt) for lesson in own) - 1
        yield Part(Tokens(ids), targets, first)


def solution_loss(model: Model, part: Part, stem: Stem | None) -> Float[Tensor, ""]:
    """Cross-entropy of the solutions' tokens, summed, in nats.

    Args:
        model: in the weights that `stem` was read with.
        part: the lessons.
        stem: what all rows start with, whose keys and values are constants; None runs all of it.
    """
    columns = 0 if stem is None else stem.columns
    held = model.read(part.tokens, columns, stem=stem)
    keep = part.targets.shape[1] - part.first
    logits = model.logits(part.tokens, keep=keep, after=held).float()
    targets = part.targets[:, part.first :].to(logits.device)
    return F.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum"
    )
