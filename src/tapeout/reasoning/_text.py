"""Text with slots: `{name} has {bags * each} {fruit.many}`."""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass

from ..errors import TaskError, nearest
from ._expressions import Expression
from ._word import Value, Word, format_money, format_number

_SLOT = re.compile(r"\{([^{}]*)\}")
_FORM = re.compile(r"(\w+)\.(\w+)")
_FORMATS = {"money": format_money, "": format_number}


@dataclass(frozen=True)
class _Slot:
    expression: Expression
    form: str
    format: str
    capital: bool

    def write(self, scope: Mapping[str, Value], fractions: bool) -> str:
        value = self.expression.value(scope, fractions=fractions)
        if isinstance(value, Word):
            written = self._form_of(value)
        elif self.form:
            raise TaskError(
                f"{self.expression.where}: {self.expression.text!r} is a number and has no form "
                f"{self.form!r}"
            )
        else:
            written = _FORMATS[self.format](value)
        return written[:1].upper() + written[1:] if self.capital else written

    def _form_of(self, word: Word) -> str:
        if not self.form:
            return str(word)
        if self.form not in word.forms:
            raise TaskError(
                f"{self.expression.where}: {str(word)!r} has no form {self.form!r}: "
                f"{nearest(self.form, word.forms)}"
            )
        return word.forms[self.form]


@dataclass(frozen=True)
class Text:
    """A piece of a template.

    A slot holds a variable or an expression, a form of a word (`{person.her}`), and for amounts of
    money `:money`. A capital letter (`{Fruit}`, `{person.She}`) writes the word with a capital.
    """

    pieces: tuple[str | _Slot, ...]

    @classmethod
    def parse(cls, text: str, variables: Set[str], where: str) -> "Text":
        """Read a text.

        Raises:
            TaskError: a brace is not closed, or a slot is malformed or reads an unknown variable.
        """
        parts = _SLOT.split(text)
        if any(brace in piece for piece in parts[::2] for brace in "{}"):
            raise TaskError(f"{where}: a brace without its partner in {text!r}")
        pieces = [
            _slot(part, variables, where) if at % 2 else part for at, part in enumerate(parts)
        ]
        return cls(tuple(piece for piece in pieces if piece))

    def write(self, scope: Mapping[str, Value], *, fractions: bool = False) -> str:
        """The text with `scope`'s values in its slots.

        Raises:
            TaskError: a word has no such form, or an expression cannot be evaluated.
        """
        return "".join(
            piece if isinstance(piece, str) else piece.write(scope, fractions)
            for piece in self.pieces
        )


def _slot(content: str, variables: Set[str], where: str) -> _Slot:
    text, _, format = content.partition(":")
    if format not in _FORMATS:
        raise TaskError(
            f"{where}: unknown format {format!r} in {{{content}}}: the only one is money"
        )
    match = _FORM.fullmatch(text.strip())
    name, form = (match[1], match[2]) if match else (text.strip(), "")
    lowered = form[:1].lower() + form[1:]
    capital = form != lowered
    if name not in variables and name[:1].lower() + name[1:] in variables:
        name, capital = name[:1].lower() + name[1:], True
    expression = Expression.parse(name, where)
    for unknown in sorted(expression.names - variables):
        raise TaskError(f"{where}: unknown variable {unknown!r}: {nearest(unknown, variables)}")
    return _Slot(expression, lowered, format, capital)
