"""Arithmetic and conditions of templates: evaluated exactly, and nothing else can be written."""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ..errors import TaskError
from ._word import Value

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: lambda a, b: Fraction(a // b),
    ast.Mod: operator.mod,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_Run = Callable[[Mapping[str, Value], bool], Any]
_FUNCTIONS: dict[str, Callable[..., Any]] = {"min": min, "max": max}
_SHAPES = (
    *(ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Call),
    *(ast.Constant, ast.Name, ast.Load, ast.USub, ast.Not, ast.And, ast.Or),
    *(ast.Div, *_ARITHMETIC, *_COMPARISONS),
)


class _Inexact(ArithmeticError):
    """A division that leaves a remainder."""


@dataclass(frozen=True)
class Expression:
    """`bags * each`, `total % bags == 0`: + - * / // %, comparisons, and, or, not, min and max.

    Attributes:
        text: as it was written.
        where: whose it is, for errors.
        names: the variables that it reads.
    """

    text: str
    where: str
    names: frozenset[str]
    run: _Run = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str, where: str) -> "Expression":
        """Read an expression; nothing in it is ever run as Python.

        Raises:
            TaskError: it is malformed, or holds something else than arithmetic and comparisons.
        """
        text = text.strip()
        try:
            tree = ast.parse(text, mode="eval").body
            names = _checked_names(tree, text, where)
            return cls(text=text, where=where, names=names, run=_compiled(tree))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise TaskError(f"{where}: {text!r} is no expression") from error

    def value(self, scope: Mapping[str, Value], *, fractions: bool = False) -> Any:
        """The number, truth or word that the expression stands for among `scope`'s variables.

        Args:
            fractions: whether a division may leave a remainder.

        Raises:
            TaskError: a variable is unknown, a division by zero or (without `fractions`) not exact,
                or a word is reckoned with.
        """
        try:
            return self.run(scope, fractions)
        except _Inexact as error:
            raise TaskError(
                f"{self.where}: {error} in {self.text!r} is not exact: add a condition such as "
                "`total % bags == 0`, or write `whole: false`"
            ) from error
        except ZeroDivisionError as error:
            raise TaskError(f"{self.where}: {self.text!r} divides by zero") from error
        except TypeError as error:
            raise TaskError(f"{self.where}: {self.text!r} reckons with a word") from error
        except KeyError as error:
            raise TaskError(
                f"{self.where}: {self.text!r} reads the unknown variable {error}"
            ) from error


def _checked_names(tree: ast.expr, text: str, where: str) -> frozenset[str]:
    """The variables of an expression in which nothing else can be called or read."""
    names, functions = [], []
    for node in ast.walk(tree):
        number = isinstance(node, ast.Constant) and type(node.value) in (int, float)
        if not isinstance(node, _SHAPES) or (isinstance(node, ast.Constant) and not number):
            raise TaskError(
                f"{where}: {text!r} holds {ast.unparse(node)!r}, but only numbers, variables, "
                "+ - * / // %, comparisons, and, or, not, min and max can stand there"
            )
        if isinstance(node, ast.Call):
            known = isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS
            if not known or node.keywords or len(node.args) < 2:
                raise TaskError(
                    f"{where}: {text!r} calls {ast.unparse(node)!r}, but the only functions are "
                    "min and max, of at least two values"
                )
            functions.append(node.func)
        elif isinstance(node, ast.Name):
            names.append(node)
    return frozenset(name.id for name in names if name not in functions)


def _compiled(node: ast.expr) -> _Run:
    match node:
        case ast.Constant(value=written):
            number = Fraction(repr(written))
            return lambda scope, fractions: number
        case ast.Name(id=name):
            return lambda scope, fractions: scope[name]
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _compiled(left), _compiled(right)
            if isinstance(op, ast.Div):
                return lambda scope, fractions: _divided(
                    a(scope, fractions), b(scope, fractions), fractions
                )
            combine = _ARITHMETIC[type(op)]
            return lambda scope, fractions: combine(a(scope, fractions), b(scope, fractions))
        case ast.UnaryOp(op=op, operand=operand):
            inner = _compiled(operand)
            change = operator.not_ if isinstance(op, ast.Not) else operator.neg
            return lambda scope, fractions: change(inner(scope, fractions))
        case ast.BoolOp(op=op, values=values):
            parts = [_compiled(part) for part in values]
            decide = all if isinstance(op, ast.And) else any
            return lambda scope, fractions: decide(part(scope, fractions) for part in parts)
        case ast.Compare():
            return _compared(node)
        case ast.Call(func=ast.Name(id=name), args=args):
            choose, parts = _FUNCTIONS[name], [_compiled(part) for part in args]
            return lambda scope, fractions: choose(part(scope, fractions) for part in parts)
    raise AssertionError(node)


def _compared(node: ast.Compare) -> _Run:
    parts = [_compiled(part) for part in (node.left, *node.comparators)]
    links = [
        (_COMPARISONS[type(sign)], a, b)
        for sign, a, b in zip(node.ops, parts[:-1], parts[1:], strict=True)
    ]
    return lambda scope, fractions: all(
        holds(a(scope, fractions), b(scope, fractions)) for holds, a, b in links
    )


def _divided(left: Any, right: Any, fractions: bool) -> Any:
    result = left / right
    if not fractions and result.denominator > 1:
        raise _Inexact(f"{left} / {right}")
    return result
