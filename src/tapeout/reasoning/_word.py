"""What a template's variable can stand for: a number, or a word with its forms."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Word:
    """A word or name and its other forms, such as `{"name": "Ann", "she": "she", "her": "her"}`.

    The first form is the one that a bare `{variable}` writes.
    """

    forms: Mapping[str, str]

    def __str__(self) -> str:
        return next(iter(self.forms.values()))

    def __hash__(self) -> int:
        return hash(str(self))


Value = Fraction | Word


def format_number(number: Fraction) -> str:
    """`12`, `3.5`, or `2/3` where the decimals would not end."""
    bottom = number.denominator
    for prime in (2, 5):
        while bottom % prime == 0:
            bottom //= prime
    if bottom > 1:
        return str(number)
    digits = 0
    while (number * 10**digits).denominator > 1:
        digits += 1
    scaled = abs(int(number * 10**digits))
    whole, rest = divmod(scaled, 10**digits)
    sign = "-" if number < 0 else ""
    return f"{sign}{whole}.{rest:0{digits}d}" if digits else f"{sign}{whole}"


def format_money(number: Fraction) -> str:
    """`$3` or `$2.50`; less than a cent is written as `format_number` does."""
    if number.denominator > 1 and (number * 100).denominator == 1:
        return f"${int(number)}.{int(number * 100) % 100:02d}"
    return f"${format_number(number)}"
