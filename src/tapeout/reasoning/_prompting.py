"""What stands around a question: an instruction, worked examples, and a chat's turns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import TaskError
from ._problem import Problem

INSTRUCTION = "Solve each problem step by step, and end with the final answer."
CUE = "Let's think step by step."
_QUESTION, _REPLY = "9f2c-question", "9f2c-reply"


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The text of a chat around the question's own turn.

    Attributes:
        before: everything up to the question, with the worked examples.
        between: from the question's end to the reply's start.
        after: what ends the reply.
    """

    before: str
    between: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Prompting:
    """How a problem is put to a model (paper 2, section 4.1 and its code: no chat template).

    Attributes:
        instruction: the first line.
        cue: what every solution starts with.
        frame: a chat's turns; None writes `Q:` and `A:`.
    """

    instruction: str = INSTRUCTION
    cue: str = CUE
    frame: Frame | None = None

    def prefix(self, shots: Sequence[Problem]) -> str:
        """What every problem's prompt starts with."""
        if self.frame is not None:
            return self.frame.before
        worked = [f"{self.question(shot)} {shot.solution}" for shot in shots]
        return "".join(f"{part}\n" for part in (self.instruction, *worked) if part)

    def question(self, problem: Problem) -> str:
        """The rest of its prompt: the model goes on with the solution."""
        if self.frame is not None:
            return f"{problem.question}{self.frame.between}{self.cue}"
        return f"Q: {problem.question}\nA: {self.cue}"

    @property
    def ending(self) -> str:
        """What a solution ends with where it is written to be learned from."""
        return self.frame.after if self.frame is not None else "\n"

    @property
    def stops(self) -> tuple[str, ...]:
        """Where a model's solution is over."""
        return (self.frame.after.strip(),) if self.frame is not None else ("\nQ:",)


def chat_frame(
    tokenizer: Any, shots: Sequence[Problem], *, instruction: str = INSTRUCTION, cue: str = CUE
) -> Frame:
    """The turns that a tokenizer's chat template writes around a question.

    The instruction opens the first turn of the user, since not every template knows a system's.

    Raises:
        TaskError: the tokenizer has no chat template, or the template does not write the question
            exactly once, and as it is.
    """
    if not getattr(tokenizer, "chat_template", None):
        raise TaskError("this tokenizer has no chat template: leave chat off")
    turns: list[dict[str, str]] = []
    for shot in shots:
        turns.append({"role": "user", "content": shot.question})
        turns.append({"role": "assistant", "content": f"{cue} {shot.solution}"})
    turns.append({"role": "user", "content": _QUESTION})
    turns[0]["content"] = f"{instruction}\n{turns[0]['content']}"
    asked = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    turns.append({"role": "assistant", "content": _REPLY})
    replied = tokenizer.apply_chat_template(turns, tokenize=False)
    if asked.count(_QUESTION) != 1 or replied.count(_REPLY) != 1:
        raise TaskError(
            "this tokenizer's chat template does not write every turn once: leave chat off"
        )
    before, between = asked.split(_QUESTION)
    after = replied.split(_REPLY)[1]
    if not after.strip():
        raise TaskError(
            "this tokenizer's chat template ends a reply with nothing, so no text can stop one: "
            "leave chat off"
        )
    return Frame(before=before, between=between, after=after)
