"""Where a tokenizer lets a pair of programs be asked about: the first token that tells them apart.

Tokenizers cut code at different places: after `open("notes.txt` one writes `")` and then ` as` or a
line end, another glues the line end to `")`. So a template says which text decides, and the
question is put where the two programs' tokens part. Then the model sees, up to the question, just
the tokens that the whole program has there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ._template import Pair, Program

SHOWN = 8
"""Tokens of each side that an error shows."""


@dataclass(frozen=True)
class Question:
    """A pair as a tokenizer has it; the first program's text, then the second's.

    Attributes:
        prompts: as many tokens each.
        answers: one token each, different ones; each is the other's foil.
    """

    prompts: tuple[str, str]
    answers: tuple[str, str]


@dataclass(frozen=True)
class Flaw:
    """Why a pair cannot be asked about."""

    why: str


@dataclass(frozen=True)
class _Parted:
    """The tokens of a pair up to the one that tells them apart, and that one."""

    question: Question
    prompts: tuple[list[int], list[int]]
    answers: tuple[int, int]


def ask(tokenizer: Any, pairs: Sequence[Pair], start: str = "") -> list[Question | Flaw]:
    """The question of every pair, or why there is none.

    Args:
        start: what every program begins with, such as the end of the text before.
    """
    if not pairs:
        return []
    sides = [program for pair in pairs for program in pair]
    before = _encode(tokenizer, [start + program.before for program in sides])
    whole = _encode(tokenizer, [start + program.text for program in sides])
    parted = [
        _part(tokenizer, pair, start, before[2 * at : 2 * at + 2], whole[2 * at : 2 * at + 2])
        for at, pair in enumerate(pairs)
    ]
    return _checked(tokenizer, parted)


def _part(
    tokenizer: Any, pair: Pair, start: str, before: list[list[int]], whole: list[list[int]]
) -> _Parted | Flaw:
    own = [_common(*ids) for ids in zip(before, whole, strict=True)]
    for program, ids, count in zip(pair, whole, own, strict=True):
        if why := _cut(tokenizer, program, start, ids, count):
            return Flaw(why)
    kept = min(own)
    tails = [
        (start + program.before).removeprefix(_decode(tokenizer, ids[:kept], start))
        for program, ids in zip(pair, whole, strict=True)
    ]
    if tails[0] != tails[1]:
        return Flaw(_uneven(tokenizer, *before))
    same = kept + _common(whole[0][kept:], whole[1][kept:])
    if same >= min(map(len, whole)):
        return Flaw(f"the tokenizer has the same tokens for {pair[0].text!r} and its counterpart")
    prompts = [_decode(tokenizer, ids[:same], start) for ids in whole]
    answers = [_decode(tokenizer, ids[same : same + 1]) for ids in whole]
    for program, prompt, answer in zip(pair, prompts, answers, strict=True):
        at = len(prompt) - len(start) - len(program.before)
        if at < -program.fixed[0] or at + len(answer) > len(program.asked) + program.fixed[1]:
            return Flaw(f"the answer {program.asked!r} and a name are one token, {answer!r}")
    question = Question((prompts[0], prompts[1]), (answers[0], answers[1]))
    return _Parted(question, (whole[0][:same], whole[1][:same]), (whole[0][same], whole[1][same]))


def _cut(tokenizer: Any, program: Program, start: str, ids: list[int], kept: int) -> str:
    """Why what is asked about does not lie in one token; empty if it does.

    Args:
        ids: the whole program's tokens.
        kept: how many of them end before that place for certain.
    """
    text = start + program.text
    if _decode(tokenizer, ids, start) != text:
        return f"the tokenizer does not give back the text {text!r}"
    low = len(start) + len(program.before)
    at, pieces = len(_decode(tokenizer, ids[:kept], start)), []
    for token in ids[kept:]:
        if at >= low + len(program.asked):
            break
        piece = _decode(tokenizer, [token])
        at += len(piece)
        pieces += [piece] if at > low else []
    return f"the answer {program.asked!r} has several tokens: {pieces}" if pieces[1:] else ""


def _uneven(tokenizer: Any, one: list[int], other: list[int]) -> str:
    """Says in which tokens two prompts differ of which one is longer."""
    head = _common(one, other)
    tail = min(_common(one[::-1], other[::-1]), len(one) - head, len(other) - head)
    first, second = (
        [_decode(tokenizer, [token]) for token in ids[head : len(ids) - tail][:SHOWN]]
        for ids in (one, other)
    )
    return f"the pair does not line up: {first} against {second}"


def _checked(tokenizer: Any, parted: Sequence[_Parted | Flaw]) -> list[Question | Flaw]:
    """A flaw where a prompt alone, or with either answer, has other tokens than in the program."""
    texts: list[str] = []
    expected: list[list[int]] = []
    for found in parted:
        if isinstance(found, _Parted):
            for prompt, ids in zip(found.question.prompts, found.prompts, strict=True):
                texts += [prompt, *(prompt + answer for answer in found.question.answers)]
                expected += [ids, *([*ids, answer] for answer in found.answers)]
    got = iter(zip(texts, expected, _encode(tokenizer, texts), strict=True))
    checked: list[Question | Flaw] = []
    for found in parted:
        if isinstance(found, Flaw):
            checked.append(found)
            continue
        rows = [next(got) for _ in range(6)]
        wrong = [text for text, wanted, ids in rows if ids != wanted]
        checked.append(_merged(found.question, wrong[0]) if wrong else found.question)
    return checked


def _merged(question: Question, text: str) -> Flaw:
    one, other = question.answers
    return Flaw(
        f"no token boundary before {one!r} or {other!r}: {text[-24:]!r} has other tokens at the "
        "end of a text than in a program"
    )


def _common(one: list[int], other: list[int]) -> int:
    """How many tokens two rows have in common at their start."""
    for at, (x, y) in enumerate(zip(one, other, strict=False)):
        if x != y:
            return at
    return min(len(one), len(other))


def _encode(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    return [list(ids) for ids in tokenizer(texts).input_ids] if texts else []


def _decode(tokenizer: Any, ids: list[int], start: str | None = None) -> str:
    """The text of tokens; with `start` those of a program, without a BOS token added in front."""
    bos = getattr(tokenizer, "bos_token", None)
    if start == "" and bos is not None and ids[:1] == [tokenizer.bos_token_id]:
        ids = ids[1:]
    return tokenizer.decode(ids, clean_up_tokenization_spaces=False)
