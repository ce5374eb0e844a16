"""Answers are read exactly, and as docs/answers.md says."""

import re
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeout.reasoning import parse_answer, stated_answer
from tapeout.reasoning._word import format_money, format_number

TABLE = Path(__file__).parents[2] / "docs" / "answers.md"
ROW = re.compile(r"\| `(.*?)` \| (\S+) \|.*\|")


def published() -> list[tuple[str, Fraction | None]]:
    rows = [ROW.fullmatch(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]
    return [
        (row[1].replace("⏎", "\n"), None if row[2] == "none" else Fraction(row[2]))
        for row in rows
        if row
    ]


@pytest.mark.parametrize(("text", "answer"), published())
def test_the_published_table(text: str, answer: Fraction | None) -> None:
    assert parse_answer(text) == answer


def test_the_whole_table_is_read() -> None:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]
    assert len(published()) == len(lines) > 50


def with_commas(number: int) -> str:
    return f"{number:,}"


RATIONALS = st.fractions(min_value=-(10**9), max_value=10**9, max_denominator=10**4) | st.integers(
    -(10**12), 10**12
).map(lambda cents: Fraction(cents, 100))
FRAMES = st.sampled_from(
    [
        "{}",
        "{}.",
        "{} apples",
        "The final answer is {}.",
        "There were 7. The answer is {}. Then 9 more came. The answer is 10.",
        "#### {}",
        "So \\boxed{{{}}}, which is more than 2.",
        "Answer: {}\n",
        "2 * 3 = 6 and the final answer is 1 + 2 = {} dollars. Q: How much is 8?",
    ]
)


@settings(max_examples=200)
@given(RATIONALS, FRAMES)
def test_any_rational_comes_back(number: Fraction, frame: str) -> None:
    for form in forms(number):
        assert parse_answer(frame.format(form)) == number, form


def forms(number: Fraction) -> list[str]:
    sign, size = "-" if number < 0 else "", abs(number)
    whole, part = divmod(size.numerator, size.denominator)
    found = [format_number(number), str(number), f"{sign}{size.numerator:,}/{size.denominator}"]
    if part:
        found.append(f"{sign}{whole} {part}/{size.denominator}")
        found.append(f"{sign}{whole:,} {part}/{size.denominator}")
    if size.denominator == 1:
        found += [f"{sign}{with_commas(whole)}", f"{sign}${whole}", f"{sign}{whole}.00", f"{whole}"]
        found = found[:-1] if sign else found
    if (size * 100).denominator == 1:
        cents = int(size * 100)
        found.append(f"{sign}€{cents // 100:,}.{cents % 100:02d}")
        found.append(f"{sign}{format_money(size)}")
    return found


@settings(max_examples=200)
@given(st.text(alphabet="0123456789.,-+/$=€{}\\ \n*#abqis%¼²", max_size=80))
def test_no_text_is_too_odd(text: str) -> None:
    for whole in (text, f"The answer is {text}", f"\\boxed{{{text}"):
        parse_answer(whole)


def test_endless_digits_are_no_number() -> None:
    assert parse_answer("1" * 10_000) is None
    assert parse_answer("12 and then " + "1" * 10_000) == 12


def test_a_statement_is_told_from_mere_numbers() -> None:
    assert stated_answer("3 * 4 = 12 apples.") is None
    assert stated_answer("The final answer is") is None
    assert stated_answer("The final answer is 12.") == 12


def test_equality_is_exact() -> None:
    assert parse_answer("0.1") != Fraction(0.1)
    assert parse_answer("0.3") == Fraction(1, 10) + Fraction(2, 10)
