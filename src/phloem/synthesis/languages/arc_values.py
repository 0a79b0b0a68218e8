"""Values of the grid language of ARC, what they are called, and how much they may cost.

Types of Hodel's DSL (2022), in which CodeIt (Butt et al., ICML 2024) writes programs: a Grid is a tuple of rows, a Cell
is (colour, (row, column)), an Object a frozenset of Cells, Indices a frozenset of (row, column); a Patch is one of the
latter two, a Piece a Grid or a Patch, an Element a Grid or an Object. A Container is any tuple or frozenset. Functions
are values: `Function` knows how many arguments it takes, and every call of one costs a unit of fuel, so that programs,
which may pass functions to functions, end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

Value: TypeAlias = Any
Grid: TypeAlias = tuple[tuple[int, ...], ...]
Pair: TypeAlias = tuple[int, int]
Cell: TypeAlias = tuple[int, Pair]
Object: TypeAlias = frozenset[Cell]
Indices: TypeAlias = frozenset[Pair]

FUEL = 200_000  # calls of function values in a run: about half a second
LARGEST = 20_000  # elements of a container, cells of a grid
MERGED = 1 << 19  # elements that are put together, repeated ones too
HIGHEST = 1 << 40  # of a number, either way
MOST_CELLS = 1_000  # of a valid output


class Undefined(Exception):
    """A program has no value here."""


class _Meter(threading.local):
    left = FUEL


METER = _Meter()


class Function:
    """A function as a value."""

    __slots__ = ("apply", "arity")

    def __init__(self, apply: Callable[..., Value], arity: int) -> None:
        self.apply, self.arity = apply, arity

    def __call__(self, *arguments: Value) -> Value:
        METER.left -= 1
        if METER.left < 0 or len(arguments) != self.arity:
            raise Undefined
        return bounded(self.apply(*arguments))


def bounded(value: Value) -> Value:
    """The value, unless it is too large. Raises Undefined."""
    if isinstance(value, tuple | frozenset):
        if len(value) > LARGEST:
            raise Undefined
    elif isinstance(value, int) and not -HIGHEST < value < HIGHEST:
        raise Undefined
    return value


def room(count: int) -> int:
    """A number of elements that will be made. Raises Undefined before they are."""
    if count > LARGEST:
        raise Undefined
    return count


def like(container: Value, items: Iterable[Value]) -> Value:
    """The items in a container of the same outer type."""
    if not isinstance(container, tuple | frozenset):
        raise Undefined
    return type(container)(items)


def is_pair(value: Value) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(type(part) is int for part in value)


def is_cell(value: Value) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and type(value[0]) is int and is_pair(value[1])


def is_grid(value: Value) -> bool:
    """A rectangle of numbers with at least one cell."""
    if not isinstance(value, tuple) or not value or not isinstance(value[0], tuple) or not value[0]:
        return False
    width = len(value[0])
    return all(isinstance(row, tuple) and len(row) == width and all(type(cell) is int for cell in row) for row in value)


def is_output(value: Value) -> bool:
    """A valid answer: a rectangle of colours 0 to 9 of at most MOST_CELLS cells."""
    return (
        is_grid(value)
        and len(value) * len(value[0]) <= MOST_CELLS
        and all(0 <= cell <= 9 for row in value for cell in row)
    )


def type_of(value: Value) -> str:
    """The narrowest name that fits: what a line's type is inferred to be. An empty frozenset is `Empty`."""
    if isinstance(value, bool):
        return "Bool"
    if isinstance(value, int):
        return "Int"
    if isinstance(value, Function):
        return f"Fn{value.arity}"
    if isinstance(value, tuple):
        return "IntPair" if is_pair(value) else "Cell" if is_cell(value) else "Grid" if is_grid(value) else "Tuple"
    if isinstance(value, frozenset):
        if not value:
            return "Empty"
        for name, test in (("IntSet", lambda each: type(each) is int), ("Indices", is_pair), ("Object", is_cell)):
            if all(map(test, value)):
                return name
        inner = {type_of(each) for each in value}
        return "Objects" if inner == {"Object"} else "Set"
    return "None"
