"""Mathematics in prefix notation: text of tokens, a tree, and SymPy's expressions.

Lample and Charton, "Deep Learning for Symbolic Mathematics" (ICLR 2020, section 2 and appendix A):

    add mul INT+ 2 x INT- 1 0        2 * x + (-10)

Operators have fixed arities, so that no bracket is needed. Between tokens and our own tree nothing changes. SymPy
orders and evaluates (x + x becomes 2 * x, sums and products have many terms, written back as nested binary ones), so
that only expressions that it has evaluated come back as they were. In a product the number goes last, since SymPy would
multiply it into a sum that it meets first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from phloem.errors import MissingExtra, PhloemError

BINARY = ("add", "sub", "mul", "div", "pow")
POWERS = {f"pow{power}": power for power in (2, 3, 4, 5)}
FUNCTIONS = {
    **{name: name for name in ("exp", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan")},
    **{name: name for name in ("sinh", "cosh", "tanh", "asinh", "acosh", "atanh")},
    "ln": "log",
}
UNARY = (*FUNCTIONS, *POWERS)
SIGNS = ("INT+", "INT-")
VARIABLES = ("x", "y", "y'", "y''", "c", "c1", "c2")
CONSTANTS = ("pi",)
TOKENS = (*BINARY, *UNARY, *SIGNS, *VARIABLES, *CONSTANTS, *"0123456789")
ARITY = {**dict.fromkeys(BINARY, 2), **dict.fromkeys(UNARY, 1)}
_FLOATS: dict[str, Callable[..., float]] = {
    **{name: getattr(math, function) for name, function in FUNCTIONS.items()},
    **{name: lambda value, power=power: value**power for name, power in POWERS.items()},
    "add": lambda one, other: one + other,
    "sub": lambda one, other: one - other,
    "mul": lambda one, other: one * other,
    "div": lambda one, other: one / other,
    "pow": lambda one, other: math.pow(one, other),
}
_SYMBOLS = {"y'": "dy", "y''": "ddy"}  # SymPy's names, where they differ


class Expression(NamedTuple):
    """An operator with its arguments; a leaf has none, and is a variable, a constant or a whole number."""

    head: str | int
    arguments: tuple[Expression, ...] = ()


def parse(tokens: Sequence[str]) -> Expression:
    """The tree of a whole expression. Raises PhloemError where tokens are unknown, missing or left over."""
    if not tokens:
        raise PhloemError("an expression has at least one token")
    stream = iter(tokens)
    stack: list[tuple[str, list[Expression]]] = []
    following = next(stream, None)
    while True:
        if following is None:
            raise PhloemError("the expression ends before it is whole")
        token = following
        following = next(stream, None)
        if token in ARITY:
            stack.append((token, []))
            continue
        leaf, following = _leaf(token, following, stream)
        while stack:
            stack[-1][1].append(leaf)
            head, arguments = stack[-1]
            if len(arguments) < ARITY[head]:
                break
            stack.pop()
            leaf = Expression(head, tuple(arguments))
        else:
            if following is not None:
                raise PhloemError(f"{following!r} follows a whole expression")
            return leaf


def _leaf(token: str, following: str | None, stream: Iterator[str]) -> tuple[Expression, str | None]:
    """A leaf, and the token after it."""
    if token in VARIABLES or token in CONSTANTS:
        return Expression(token), following
    if token not in SIGNS:
        raise PhloemError(f"{token!r} begins no expression")
    digits = ""
    while following is not None and following.isdecimal():
        digits += following
        following = next(stream, None)
    if not digits or (digits[0] == "0" and (len(digits) > 1 or token == "INT-")):
        raise PhloemError(f"{token} {digits} is no number")
    return Expression(int(digits) if token == "INT+" else -int(digits)), following


def tokens(expression: Expression) -> list[str]:
    """The expression in prefix notation."""
    found, stack = list[str](), [expression]
    while stack:
        head, arguments = stack.pop()
        found += [*_number(head)] if isinstance(head, int) else [head]
        stack.extend(reversed(arguments))
    return found


def evaluate(expression: Expression, values: Mapping[str, float]) -> float:
    """The value at a place, NaN where there is none (or none that is real)."""
    head, arguments = expression
    if isinstance(head, int):
        return float(head)
    if not arguments:
        return math.pi if head == "pi" else values[head]
    try:
        return _FLOATS[head](*(evaluate(argument, values) for argument in arguments))
    except (ValueError, OverflowError, ZeroDivisionError):
        return math.nan


def sympy() -> Any:
    """The package. Raises MissingExtra."""
    try:
        import sympy
    except ImportError:
        raise MissingExtra("symbolic", "sympy") from None
    return sympy


@cache
def symbol(name: str) -> Any:
    """A variable as SymPy has it: without assumptions."""
    return sympy().Symbol(_SYMBOLS.get(name, name))


def to_sympy(expression: Expression) -> Any:
    """As SymPy evaluates it."""
    s, (head, arguments) = sympy(), expression
    if isinstance(head, int):
        return s.Integer(head)
    if not arguments:
        return s.pi if head == "pi" else symbol(head)
    own = [to_sympy(argument) for argument in arguments]
    if head in POWERS:
        return own[0] ** POWERS[head]
    if head in FUNCTIONS:
        return getattr(s, FUNCTIONS[head])(own[0])
    one, other = own
    if head == "add":
        return one + other
    if head == "sub":
        return one - other
    if head == "mul":
        return one * other
    return one / other if head == "div" else one**other


def from_sympy(value: Any) -> Expression:
    """As the notation has it. Raises PhloemError for what it has no word for (infinities, i, other functions)."""
    s = sympy()
    if value.is_Integer:
        return Expression(int(value))
    if value.is_Rational and value.is_finite:
        return Expression("div", (Expression(int(value.p)), Expression(int(value.q))))
    if value is s.pi:
        return Expression("pi")
    if value is s.E:
        return Expression("exp", (Expression(1),))
    if value.is_Symbol:
        name = next((own for own, theirs in _SYMBOLS.items() if theirs == value.name), value.name)
        if name in VARIABLES:
            return Expression(name)
    if value.is_Add or value.is_Mul:
        return _nested(value)
    if value.is_Pow:
        return _power(value.base, value.exp)
    for own, theirs in FUNCTIONS.items():
        if value.func is getattr(s, theirs):
            return Expression(own, (from_sympy(value.args[0]),))
    raise PhloemError(f"the notation has no word for {value}")


def _nested(value: Any) -> Expression:
    """A sum or product of many as nested binary ones; the number of a product last."""
    ordered = sorted(value.args, key=lambda each: each.is_number) if value.is_Mul else list(value.args)
    head = "mul" if value.is_Mul else "add"
    found = from_sympy(ordered[0])
    for argument in ordered[1:]:
        found = Expression(head, (found, from_sympy(argument)))
    return found


def _power(base: Any, exponent: Any) -> Expression:
    s = sympy()
    if base is s.E:
        return Expression("exp", (from_sympy(exponent),))
    if exponent == s.Rational(1, 2):
        return Expression("sqrt", (from_sympy(base),))
    if exponent.is_Integer and f"pow{exponent}" in POWERS:
        return Expression(f"pow{exponent}", (from_sympy(base),))
    return Expression("pow", (from_sympy(base), from_sympy(exponent)))


def _number(value: int) -> list[str]:
    return [SIGNS[value < 0], *str(abs(value))]
