"""Examples of a task, and their tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import TaskError


@dataclass(frozen=True, kw_only=True)
class Example:
    """One question with its answer.

    Attributes:
        prompt: what the model reads.
        answers: the continuations that count as right; teacher forcing writes the first.
        foils: continuations that would be wrong in a telling way; may be empty.
        counterfactual: a prompt of the same length in tokens whose answer is another.
        counterfactual_answer: that answer, as many tokens as the first right one; needed only
            where answers have several tokens.
        strata: group name -> group, for results by group.
        content: what the example is made of (names, number pairs); no two splits may share any.
    """

    prompt: str
    answers: tuple[str, ...]
    foils: tuple[str, ...] = ()
    counterfactual: str | None = None
    counterfactual_answer: str | None = None
    strata: Mapping[str, str] = field(default_factory=dict)
    content: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """An example as token ids; the counterfactual's are empty where there is none."""

    prompt: list[int]
    answers: list[list[int]]
    foils: list[list[int]]
    counterfactual: list[int]
    counterfactual_answer: list[int]


def encode(tokenizer: Any, example: Example) -> Encoded:
    """Tokenise an example, with the special tokens that the tokenizer adds by itself.

    Raises:
        TaskError: the answer does not start at a token boundary, several answers have more than
            one token, or the counterfactual's length differs from the prompt's.
    """
    prompt = list(tokenizer(example.prompt).input_ids)
    answers = continuations(tokenizer, example.prompt, prompt, example.answers)
    foils = continuations(tokenizer, example.prompt, prompt, example.foils)
    if len(answers) > 1 and any(len(answer) > 1 for answer in answers):
        raise TaskError(
            f"{example.prompt!r} has {len(answers)} right answers, and some have several tokens; "
            "more than one right answer works for single tokens only"
        )
    partner, partner_answer = _encode_counterfactual(tokenizer, example, prompt, answers[0])
    return Encoded(
        prompt=prompt,
        answers=answers,
        foils=foils,
        counterfactual=partner,
        counterfactual_answer=partner_answer,
    )


def _encode_counterfactual(
    tokenizer: Any, example: Example, prompt: list[int], answer: list[int]
) -> tuple[list[int], list[int]]:
    if example.counterfactual is None:
        return [], []
    partner = list(tokenizer(example.counterfactual).input_ids)
    if len(partner) != len(prompt):
        raise TaskError(
            f"the counterfactual must have as many tokens as the prompt, but {example.prompt!r} "
            f"has {len(prompt)} and {example.counterfactual!r} has {len(partner)}"
        )
    if example.counterfactual_answer is None:
        if len(answer) > 1:
            raise TaskError(
                f"the answer to {example.prompt!r} has {len(answer)} tokens, so its counterfactual "
                "needs an answer of its own (counterfactual_answer)"
            )
        return partner, []
    text = example.counterfactual
    (partner_answer,) = continuations(tokenizer, text, partner, [example.counterfactual_answer])
    if len(partner_answer) != len(answer):
        raise TaskError(
            f"the counterfactual's answer must have as many tokens as the answer, but "
            f"{example.counterfactual_answer!r} has {len(partner_answer)} and "
            f"{example.answers[0]!r} has {len(answer)}"
        )
    return partner, partner_answer


def continuations(
    tokenizer: Any, prompt: str, prompt_ids: list[int], texts: Sequence[str]
) -> list[list[int]]:
    """The tokens of each text where it continues `prompt`.

    Raises:
        TaskError: a text is empty, or its first token would swallow the end of the prompt.
    """
    if not texts:
        return []
    rows = tokenizer([prompt + text for text in texts]).input_ids  # one call: there may be 100
    return [
        _own_tokens(prompt, prompt_ids, text, list(row))
        for text, row in zip(texts, rows, strict=True)
    ]


def _own_tokens(prompt: str, prompt_ids: list[int], text: str, whole: list[int]) -> list[int]:
    if not text:
        raise TaskError(f"an answer or foil to {prompt!r} is empty")
    if whole[: len(prompt_ids)] != prompt_ids or len(whole) == len(prompt_ids):
        raise TaskError(
            f"{text!r} does not start at a token boundary after {prompt!r}: move the white space "
            "between them to the start of the answer"
        )
    return whole[len(prompt_ids) :]
