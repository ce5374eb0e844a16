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
    ast.Div: operator.truediv,
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
_FUNCTIONS: dict[str, Callable[..., Any]] = {"min": min, "max": max}
_SHAPES = (
    *(ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Call),
    *(ast.Constant, ast.Name, ast.Load, ast.USub, ast.Not, ast.And, ast.Or),
    *(*_ARITHMETIC, *_COMPARISONS),
)


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
    tree: ast.expr = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str, where: str) -> "Expression":
        """Read an expression; nothing in it is ever run as Python.

        Raises:
            TaskError: it is malformed, or holds something else than arithmetic and comparisons.
        """
        try:
            tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError) as error:
            raise TaskError(f"{where}: {text!r} is no expression") from error
        names, functions = set(), set()
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
                        f"{where}: {text!r} calls {ast.unparse(node)!r}, but the only functions "
                        "are min and max, of at least two values"
                    )
                functions.add(node.func)
            if isinstance(node, ast.Name):
                names.add(node)
        read = frozenset(name.id for name in names - functions)
        return cls(text=text, where=where, names=read, tree=tree)

    def value(self, scope: Mapping[str, Value], *, fractions: bool = False) -> Any:
        """The number, truth or word that the expression stands for among `scope`'s variables.

        Args:
            fractions: whether a division may leave a remainder.

        Raises:
            TaskError: a variable is unknown, a division by zero or (without `fractions`) not exact,
                or a word is reckoned with.
        """
        try:
            return self._value(self.tree, scope, fractions)
        except ZeroDivisionError as error:
            raise TaskError(f"{self.where}: {self.text!r} divides by zero") from error
        except TypeError as error:
            raise TaskError(f"{self.where}: {self.text!r} reckons with a word") from error

    def _value(self, node: ast.expr, scope: Mapping[str, Value], fractions: bool) -> Any:
        def of(part: ast.expr) -> Any:
            return self._value(part, scope, fractions)

        match node:
            case ast.Constant():
                return Fraction(repr(node.value))
            case ast.Name():
                return self._variable(node.id, scope)
            case ast.BinOp():
                return self._combined(node, of(node.left), of(node.right), fractions)
            case ast.UnaryOp():
                inner = of(node.operand)
                return not inner if isinstance(node.op, ast.Not) else -inner
            case ast.BoolOp():
                decide = all if isinstance(node.op, ast.And) else any
                return decide(of(part) for part in node.values)
            case ast.Compare():
                values = [of(part) for part in (node.left, *node.comparators)]
                pairs = zip(node.ops, values, values[1:], strict=False)
                return all(_COMPARISONS[type(sign)](a, b) for sign, a, b in pairs)
            case ast.Call(func=ast.Name(id=name)):
                return _FUNCTIONS[name](*map(of, node.args))
        raise AssertionError(node)

    def _variable(self, name: str, scope: Mapping[str, Value]) -> Value:
        if name not in scope:
            raise TaskError(f"{self.where}: {self.text!r} reads the unknown variable {name!r}")
        return scope[name]

    def _combined(self, node: ast.BinOp, left: Any, right: Any, fractions: bool) -> Any:
        result = _ARITHMETIC[type(node.op)](left, right)
        if isinstance(node.op, ast.Div) and not fractions and result.denominator > 1:
            raise TaskError(
                f"{self.where}: {left} / {right} in {self.text!r} is not exact: add a condition "
                "such as `total % bags == 0`, or write `whole: false`"
            )
        return result
