"""Expressions are exact, and nothing but arithmetic."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.errors import TaskError
from tapeout.reasoning._expressions import Expression
from tapeout.reasoning._word import Word

SCOPE = {"a": Fraction(7), "b": Fraction(2), "half": Fraction(1, 2), "name": Word({"name": "Ann"})}


def value(text: str, **options: bool) -> object:
    return Expression.parse(text, "here").value(SCOPE, **options)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a * b + 1", 15),
        ("-(a - b)", -5),
        ("a // b", 3),
        ("a % b", 1),
        ("(a + 1) / b", 4),
        ("0.1 + 0.2", Fraction(3, 10)),
        ("min(a, b, 5)", 2),
        ("max(a, b)", 7),
        ("b < a <= 7", True),
        ("a > b and not a == b", True),
        ("a < b or a != 7", False),
        ("name == name", True),
        ("half * 4", 2),
    ],
)
def test_values(text: str, expected: object) -> None:
    assert value(text) == expected


@given(st.integers(-99, 99), st.integers(-99, 99), st.integers(1, 99))
def test_arithmetic_is_that_of_python(a: int, b: int, c: int) -> None:
    scope = {"a": Fraction(a), "b": Fraction(b), "c": Fraction(c)}
    found = Expression.parse("(a + b * c) // c - a % c", "here").value(scope)
    assert found == (a + b * c) // c - a % c
    assert Expression.parse("a / c", "here").value(scope, fractions=True) == Fraction(a, c)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "a.real",
        "a ** b",
        "[a]",
        "'text'",
        "True",
        "lambda: a",
        "a if b else a",
        "abs(a)",
        "min(a)",
        "min(*a)",
        "min(a, key=b)",
        "(a := 3)",
        "a in b",
        "a @ b",
        "1 +",
        "",
        "(" * 500 + "a" + ")" * 500,
    ],
)
def test_nothing_else_can_be_written(text: str) -> None:
    with pytest.raises(TaskError, match="here"):
        value(text)


def test_a_division_must_be_exact() -> None:
    with pytest.raises(TaskError, match=r"7 / 2 in 'a / b' is not exact"):
        value("a / b")
    assert value("a / b", fractions=True) == Fraction(7, 2)
    with pytest.raises(TaskError, match="divides by zero"):
        value("a / (b - 2)")
    with pytest.raises(TaskError, match="divides by zero"):
        value("a % (b - 2)")


def test_words_are_no_numbers() -> None:
    with pytest.raises(TaskError, match="reckons with a word"):
        value("name + 1")
    with pytest.raises(TaskError, match="reckons with a word"):
        value("name < name")


def test_an_unknown_variable_is_named() -> None:
    with pytest.raises(TaskError, match="unknown variable 'c'"):
        value("a + c")
