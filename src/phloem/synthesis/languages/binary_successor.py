"""The successor of binary numbers by structural recursion.

Zhang et al., "Transformer-Based Models Are Not Yet Perfect At Learning to Emulate Structural Recursion" (2024, section
3). A positive number is a term of three constructors, the least significant bit outermost; a term is written as its
constructors in order:

    01 is one       X0 b = 2 b       X1 b = 2 b + 1              X1 X1 01 = 7

    s(01) = X0 01         s(X0 b) = X1 b         s(X1 b) = X0 s(b)

The recursion depth of a term is the number of calls that s makes inside: its leading X1. Two semantics are at hand: the
terms after k unfoldings (small steps), and for each constructor of the output which state wrote it (an abstract state
machine that recurses, finishes, and copies).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from phloem.errors import PhloemError

ONE, EVEN, ODD = "01", "X0", "X1"
CALL, CLOSE = "s(", ")"
Term = tuple[str, ...]
Mode = Literal["recurse", "finish", "copy"]


class Reduced(NamedTuple):
    """A result, and how many recursive calls it took."""

    term: Term
    calls: int


def check(term: Sequence[str]) -> Term:
    """The term. Raises PhloemError where it is none."""
    if not term or term[-1] != ONE or any(each not in (EVEN, ODD) for each in term[:-1]):
        raise PhloemError(f"{' '.join(term)!r} is no number: X0 and X1, then 01")
    return tuple(term)


def of_value(value: int) -> Term:
    """The term of a number of at least 1. Raises PhloemError."""
    if value < 1:
        raise PhloemError(f"{value} is not positive")
    return (*(ODD if value >> place & 1 else EVEN for place in range(value.bit_length() - 1)), ONE)


def value_of(term: Sequence[str]) -> int:
    """The number of a term."""
    known = check(term)
    return (1 << len(known) - 1) + sum(1 << place for place, each in enumerate(known) if each == ODD)


def successor(term: Sequence[str]) -> Reduced:
    """The equations, one after the other."""
    head, rest = term[0], tuple(term[1:])
    if head == ONE:
        return Reduced((EVEN, ONE), 0)
    if head == EVEN:
        return Reduced((ODD, *rest), 0)
    inner = successor(rest)
    return Reduced((EVEN, *inner.term), inner.calls + 1)


def depth(term: Sequence[str]) -> int:
    """How many recursive calls the successor takes: the leading X1."""
    return next(place for place, each in enumerate(term) if each != ODD)


def unfolded(term: Sequence[str], steps: int) -> Term:
    """The expression after so many unfoldings of s (or all, where there are fewer): constructors, and the call that is
    left as `s(` term `)`."""
    done: list[str] = []
    left = tuple(term)
    for _ in range(steps):
        head, left = left[0], left[1:]
        if head != ODD:
            return (*done, EVEN, ONE) if head == ONE else (*done, ODD, *left)
        done.append(EVEN)
    return (*done, CALL, *left, CLOSE)


def normal(expression: Sequence[str]) -> Term:
    """The value of an expression, with the call in it reduced."""
    if CALL not in expression:
        return check(expression)
    place = expression.index(CALL)
    return (*expression[:place], *successor(expression[place + 1 : -1]).term)


def modes(term: Sequence[str]) -> tuple[Mode, ...]:
    """Which state writes each constructor of the successor: X0 for each leading X1 (recurse), then what the last
    equation puts in place of its constructor (finish: X0 01 for 01, X1 for X0), then the rest as it was (copy)."""
    calls = depth(term)
    counts: list[tuple[Mode, int]] = [
        ("recurse", calls),
        ("finish", 2 if term[calls] == ONE else 1),
        ("copy", len(term) - calls - 1),
    ]
    return tuple(mode for mode, count in counts for _ in range(count))
