"""A task of problems: splits, worked examples, and how they are put to a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import TaskError
from ..tasks import Task
from ._answers import parse_answer, stated_answer
from ._as_task import Written, as_task
from ._problem import PARTS, Problem, ProblemSplit
from ._prompting import Prompting, chat_frame


@dataclass(frozen=True, kw_only=True, eq=False)
class ReasoningTask:
    """Problems with worked solutions, whose answers can be checked.

    A prompt is `prefix_text`, which all problems share, and `prompt_text(problem)`. The two are
    tokenised apart, so a prompt's tokens are the prefix's and then its own.

    Attributes:
        name: under which results carry it.
        train, validation, test: no problem is in two of them.
        shots: worked examples, in the order in which the prompt has them; in no split.
        config: what makes the same task again (`tapeout.reasoning.build`).
    """

    name: str
    train: ProblemSplit
    validation: ProblemSplit
    test: ProblemSplit
    shots: tuple[Problem, ...] = ()
    prompting: Prompting = field(default_factory=Prompting)
    config: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        owner: dict[Any, str] = {}
        shots = ProblemSplit(f"{self.name}/shots", self.shots)
        for split in (*self.splits, shots):
            if not len(split) and split is not shots:
                raise TaskError(f"{split.name} has no problems")
            for problem in split:
                for key in (problem.question, (problem.template_id, problem.instance_id)):
                    if owner.setdefault(key, split.name) != split.name:
                        raise TaskError(f"{owner[key]} and {split.name} share {key!r}")

    @property
    def splits(self) -> tuple[ProblemSplit, ProblemSplit, ProblemSplit]:
        return self.train, self.validation, self.test

    @property
    def prefix_text(self) -> str:
        """Instruction and worked examples."""
        return self.prompting.prefix(self.shots)

    def prompt_text(self, problem: Problem) -> str:
        """What follows the prefix; the model goes on with the solution."""
        return self.prompting.question(problem)

    def prefix_ids(self, tokenizer: Any) -> list[int]:
        """The prefix's tokens, with the special tokens that the tokenizer starts a text with."""
        special = self.prompting.frame is None  # a chat template writes its own
        return list(tokenizer(self.prefix_text, add_special_tokens=special).input_ids)

    def prompt_ids(self, tokenizer: Any, problem: Problem) -> list[int]:
        """The tokens that follow the prefix's."""
        return list(tokenizer(self.prompt_text(problem), add_special_tokens=False).input_ids)

    def solution_ids(self, tokenizer: Any, problem: Problem) -> list[int]:
        """The worked solution's tokens where they follow the prompt's, with what ends it.

        Raises:
            TaskError: the tokenizer merges the end of the prompt with the start of the solution.
        """
        prompt = self.prompt_ids(tokenizer, problem)
        text = f"{self.prompt_text(problem)} {problem.solution}{self.prompting.ending}"
        whole = list(tokenizer(text, add_special_tokens=False).input_ids)
        if whole[: len(prompt)] != prompt:
            raise TaskError(
                f"this tokenizer merges the end of {self.prompting.cue!r} with what follows: "
                "choose another cue"
            )
        return whole[len(prompt) :]

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts at which a solution is over."""
        return self.prompting.stops

    def is_right(self, text: str, problem: Problem) -> bool:
        """Whether what a model wrote after the prompt gives the right answer, exactly."""
        return parse_answer(self.solution_of(text)) == problem.answer

    def is_stated(self, text: str) -> bool:
        """Whether it states an answer, rather than only holding numbers."""
        return stated_answer(self.solution_of(text)) is not None

    def solution_of(self, text: str) -> str:
        """What a model wrote, up to the first stop."""
        ends = [at for stop in self.stops if (at := text.find(stop)) >= 0]
        return text[: min(ends)] if ends else text

    def in_chat(self, tokenizer: Any) -> "ReasoningTask":
        """The same problems put as a chat, by the tokenizer's template.

        Raises:
            TaskError: it has none, or one that does not leave the question as it is.
        """
        own = self.prompting
        frame = chat_frame(tokenizer, self.shots, instruction=own.instruction, cue=own.cue)
        config = {**self.config, "chat": True}
        return replace(self, prompting=replace(own, frame=frame), config=config)

    def to_task(self, tokenizer: Any, *, reference: float = 0.2) -> Task:
        """The same problems as prompts with one answer each, the worked solution.

        Args:
            reference: the part of train that becomes the reference split, at its end.

        Raises:
            TaskError: train is too small to give a part away, or the tokenizer merges the end of
                the prompt with the start of the solution.
        """
        train = self.train.problems
        given = max(int(len(train) * reference), 1)
        if given >= len(train):
            raise TaskError(f"{self.train.name} has too few problems to give some to the reference")
        parts = {
            "train": train[:-given],
            "validation": self.validation.problems,
            "test": self.test.problems,
            "reference": train[-given:],
        }
        prefix, prefix_text = self.prefix_ids(tokenizer), self.prefix_text
        written = Written(
            text=lambda problem: (
                prefix_text + self.prompt_text(problem),
                f" {problem.solution}{self.prompting.ending}",
            ),
            ids=lambda problem: (
                prefix + self.prompt_ids(tokenizer, problem),
                self.solution_ids(tokenizer, problem),
            ),
        )
        written.ids(train[0])  # a tokenizer that does not fit should be met here
        return as_task(self.name, parts, tokenizer, written=written, config=self.config)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(s)} {part}" for part, s in zip(PARTS, self.splits, strict=True))
        return f"ReasoningTask({self.name}: {sizes}, {len(self.shots)} shots)"
