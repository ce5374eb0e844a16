"""Multiple choice without a hub: questions in a file, answered by what a model finds likelier."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from ..errors import AmplifyError
from ..models import Model
from ..tasks import LOG_LIKELIHOOD, Example, Split
from ..verify import Effect, Share, evaluate, paired

TOKENS_AT_ONCE = 4096


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question and what may be the answer.

    Attributes:
        answer: the place of the right choice, from 0.
    """

    question: str
    choices: tuple[str, ...]
    answer: int


@dataclass(frozen=True, kw_only=True, eq=False)
class MultipleChoice:
    """Questions that a model answers by the likelihood of every choice.

    Attributes:
        name: under which results carry it.
        questions: those that count.
        shots: answered questions that stand before each.
        letters: the prompt lists the choices and the answer is a letter, as in MMLU; else a
            choice is the answer's own text.
        per_character: a choice's log likelihood counts by character, so that long ones are not
            the worse for it.
    """

    name: str
    questions: tuple[Question, ...]
    shots: tuple[Question, ...] = ()
    letters: bool = False
    per_character: bool = False

    @classmethod
    def read(
        cls,
        path: Path,
        *,
        shots: int = 0,
        take: int = 0,
        letters: bool = False,
        per_character: bool = False,
    ) -> "MultipleChoice":
        """The questions in a JSONL file.

        Args:
            path: the file; its lines are `{"question": ..., "choices": [...], "answer": ...}`. An
                answer is the place of a choice, from 0, or its text.
            shots: so many lines at the start are examples, and do not count.
            take: the first so many of the others; 0 takes all.
            letters, per_character: see the class.

        Raises:
            AmplifyError: the file cannot be read, a line is no such question, or none is left.
        """
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise AmplifyError(f"cannot read the questions {path}: {error}") from error
        numbered = [(n, line) for n, line in enumerate(lines, 1) if line.strip()]
        found = [_question(f"{path}, line {n}", line) for n, line in numbered]
        counting = tuple(found[shots:][: take or None])
        if not counting:
            raise AmplifyError(f"{path} has {len(found)} questions, which leaves none to answer")
        return cls(
            name=path.stem,
            questions=counting,
            shots=tuple(found[:shots]),
            letters=letters,
            per_character=per_character,
        )

    @property
    def criterion(self) -> str:
        return "likeliest choice" + (" by character" if self.per_character else "")

    def choose(self, model: Model) -> list[int]:
        """The place of the choice that the model finds likeliest, by question; of equals the first.

        Raises:
            TaskError: the tokenizer merges the end of a prompt with the start of a choice.
        """
        asked = [(q, choice) for q in self.questions for choice in range(len(q.choices))]
        texts = [self._text(q, choice) for q, choice in asked]
        before = "".join(f"{self._prompt(q)}{self._text(q, q.answer)}\n\n" for q in self.shots)
        rows = [
            Example(prompt=before + self._prompt(q), answers=(text,))
            for (q, _), text in zip(asked, texts, strict=True)
        ]
        split = Split(self.name, rows, model.tokenizer)
        longest = max(len(item.prompt) + len(item.answers[0]) for item in split.encoded)
        size = max(TOKENS_AT_ONCE // longest, 1)
        outcome = evaluate(model, split, metrics=[LOG_LIKELIHOOD], batch_size=size)
        likelihoods = iter(outcome.metrics[LOG_LIKELIHOOD.name].tolist())
        lengths = iter(len(text) - 1 if self.per_character else 1 for text in texts)
        return [
            _best([next(likelihoods) / next(lengths) for _ in q.choices]) for q in self.questions
        ]

    def right(self, model: Model) -> list[bool]:
        """Whether the model chooses right, by question; raises as `choose` does."""
        chosen = zip(self.choose(model), self.questions, strict=True)
        return [place == q.answer for place, q in chosen]

    def effect(self, base: Model, changed: Model) -> Effect:
        """A changed model beside its base; raises as `choose` does."""
        before, after = self.right(base), self.right(changed)
        return Effect(
            split=self.name,
            criterion=self.criterion,
            base=Share(sum(before), len(before)),
            changed=Share(sum(after), len(after)),
            gain=paired(before, after),
        )

    def _prompt(self, question: Question) -> str:
        if not self.letters:
            return f"Question: {question.question}\nAnswer:"
        pairs = zip(ascii_uppercase, question.choices, strict=False)
        listed = "".join(f"{letter}. {choice}\n" for letter, choice in pairs)
        return f"{question.question}\n{listed}Answer:"

    def _text(self, question: Question, place: int) -> str:
        return f" {ascii_uppercase[place] if self.letters else question.choices[place]}"


def _best(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)


def _question(where: str, line: str) -> Question:
    try:
        row: dict[str, Any] = json.loads(line)
        text, choices, answer = row["question"], tuple(row["choices"]), row["answer"]
        if isinstance(answer, str):
            answer = choices.index(answer)
        strings = all(isinstance(part, str) and part for part in (text, *choices))
        whole = isinstance(answer, int) and not isinstance(answer, bool)
        if strings and whole and 1 < len(choices) <= 26 and 0 <= answer < len(choices):
            return Question(question=text, choices=choices, answer=answer)
    except (KeyError, TypeError, ValueError):
        pass
    raise AmplifyError(
        f"{where} is no question: a line has a `question`, 2 to 26 `choices`, and as `answer` the "
        "place of one of them, from 0, or its text"
    )
