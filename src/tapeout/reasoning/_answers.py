"""The number that a piece of text states as its answer, exactly.

docs/answers.md lists what is read as what; the tests are run on that very list.
"""

import re
from fractions import Fraction

LONGEST = 300
"""Characters of a number: a model that repeats itself writes longer ones, which mean nothing."""

_STRONG = re.compile(
    r"####|\\boxed\s*\{|\bfinal answer\b[^.\n:=]{0,40}?(?:\bis\b|:|=)"
    r"|\banswer\b[^.\n:=]{0,40}?\bis\b",
    re.IGNORECASE,
)
_LABEL = re.compile(r"\banswer\s*\**\s*[:=]", re.IGNORECASE)
_SENTENCE_END = re.compile(r"\n|[.!?](?=[\s*\"')\]]|$)")

_INTEGER = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)"
_PLAIN = rf"(?:(?<![A-Za-z0-9_]){_INTEGER}(?:\.[0-9]+)?|(?<![\w.])\.[0-9]+)"
_NUMBER = re.compile(
    rf"""
    (?P<sign>(?<![\w)\]}}%.])[-+](?=[$€£.0-9]))?   # behind a number it is an operator
    (?:[$€£]\s?(?P<inner>-)?)?
    (?:(?<![A-Za-z0-9_])(?P<whole>{_INTEGER})\s+(?P<part>[0-9]+)/(?P<parts>[0-9]+)
      |(?P<top>{_PLAIN})(?:\s?/\s?[$€£]?(?P<bottom>{_PLAIN}))?)
    """,
    re.VERBOSE,
)
_CHANGES = (
    (re.compile(r"<<[^<>\n]*>>"), ""),  # GSM8K's calculator marks
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\[,!]"), ""),
    (re.compile(r"\\([$%#&])"), r"\1"),
    (re.compile(r"(?<=[0-9])\s*\\[dt]?frac\s*\{([0-9]+)\}\s*\{([0-9]+)\}"), r" \1/\2"),
    (re.compile(r"\\[dt]?frac\s*\{([0-9]+)\}\s*\{([0-9]+)\}"), r"\1/\2"),
    (re.compile(r"\\(?!boxed)[A-Za-z]+"), " "),
)
_VULGAR = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅛": "1/8"}


def parse_answer(text: str) -> Fraction | None:
    """The number that a text gives as its answer; None where there is no number.

    What the text states as its answer (`stated_answer`), or else its last number. A percent sign is
    a unit like any other, so `25%` is 25.
    """
    plain = _plain(text)
    stated = _stated(plain)
    if stated is not None:
        return stated
    numbers = _numbers(plain)
    return numbers[-1] if numbers else None


def stated_answer(text: str) -> Fraction | None:
    """The number behind the first of `#### `, `\\boxed{`, `the answer is` and `final answer:`.

    Only where there is none of these does a bare `Answer:` count. Of an equation it is the right
    side. None where no statement holds a number.
    """
    return _stated(_plain(text))


def _stated(text: str) -> Fraction | None:
    for pattern in (_STRONG, _LABEL):
        for match in pattern.finditer(text):
            statement = _statement(text, match)
            left, _, right = statement.rpartition("=")
            for side in (_numbers(right), _numbers(left)):
                if side:
                    return side[0]
    return None


def _statement(text: str, match: re.Match[str]) -> str:
    """To the end of the sentence, or of the box."""
    rest = text[match.end() :].lstrip(" \t\n\r:*=")
    if not match[0].endswith("{"):
        end = _SENTENCE_END.search(rest)
        return rest[: end.start()] if end else rest
    depth = 1
    for at, character in enumerate(rest):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if not depth or character == "\n":
            return rest[:at]
    return rest


def _plain(text: str) -> str:
    text = text.replace("\u2212", "-").replace("\u00a0", " ")
    for sign, fraction in _VULGAR.items():
        text = text.replace(sign, f" {fraction}")
    for pattern, replacement in _CHANGES:
        text = pattern.sub(replacement, text)
    return text


def _numbers(text: str) -> list[Fraction]:
    found = (_value(match) for match in _NUMBER.finditer(text))
    return [number for number in found if number is not None]


def _value(match: re.Match[str]) -> Fraction | None:
    """None for a division by zero, and for what is too long to be meant."""
    if len(match[0]) > LONGEST:
        return None
    if match["whole"]:
        top, bottom = match["part"], match["parts"]
    else:
        top, bottom = match["top"], match["bottom"] or "1"
    divisor = _fraction(bottom)
    if not divisor:
        return None
    size = _fraction(match["whole"] or "0") + _fraction(top) / divisor
    return -size if (match["sign"] == "-") != bool(match["inner"]) else size


def _fraction(digits: str) -> Fraction:
    return Fraction(digits.replace(",", ""))
