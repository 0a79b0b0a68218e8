"""The list languages of DreamCoder (Ellis et al. 2020, appendix; Dechter et al. 2013): lists of numbers as λ-terms.

Three sets of primitives, as the released system names them: `common` (with map, fold, unfold and the arithmetic
extras), `mccarthy` (the Lisp of 1959 and a fixed point: map and fold have to be discovered), and `rich` (list routines
such as sort and filter). Lists are tuples. A primitive raises `Undefined` where it has no value; numbers stay below
2^63 and lists below 5,000 elements, so that a program with fuel ends in bounded memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from phloem.synthesis.languages.lambda_calculus import Primitive
from phloem.synthesis.languages.lambda_machine import LARGEST, LONGEST, Undefined
from phloem.synthesis.polymorphic_types import BOOL, INT, T0, T1, Polytype, arrow, list_of

List: TypeAlias = tuple[Any, ...]
Function: TypeAlias = Callable[[Any], Any]

MOST_CALLS = 20  # of one fixed point
MOST_UNFOLDED = 50
RANGE_END = 100

PRIMES = frozenset(n for n in range(2, 200) if all(n % d for d in range(2, n)))


def _bounded(value: int) -> int:
    if -LARGEST < value < LARGEST:
        return value
    raise Undefined


def _short(values: List) -> List:
    if len(values) > LONGEST:
        raise Undefined
    return values


def add(x: int, y: int) -> int:
    return _bounded(x + y)


def multiply(x: int, y: int) -> int:
    return _bounded(x * y)


def modulo(x: int, y: int) -> int:
    if y == 0:
        raise Undefined
    return x % y


def is_square(x: int) -> bool:
    return x >= 0 and int(x**0.5 + 0.5) ** 2 == x


def if_then_else(condition: Callable[[], bool], then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    return then() if condition() else otherwise()


def car(values: List) -> Any:
    if not values:
        raise Undefined
    return values[0]


def cdr(values: List) -> List:
    if not values:
        raise Undefined
    return values[1:]


def cons(value: Any, values: List) -> List:
    return _short((value, *values))


def index(position: int, values: List) -> Any:
    if not 0 <= position < len(values):
        raise Undefined
    return values[position]


def count_up(end: int) -> List:
    if end >= RANGE_END:
        raise Undefined
    return tuple(range(end))


def map_list(function: Function, values: List) -> List:
    return tuple(function(value) for value in values)


def fold(values: List, start: Any, function: Callable[[Any], Function]) -> Any:
    """From the right: f x1 (f x2 (… start))."""
    for value in reversed(values):
        start = function(value)(start)
    return start


def unfold(seed: Any, stop: Function, emit: Function, following: Function) -> List:
    found: list[Any] = []
    while not stop(seed):
        if len(found) >= MOST_UNFOLDED:
            raise Undefined
        found.append(emit(seed))
        seed = following(seed)
    return tuple(found)


def fix1(argument: Any, body: Callable[[Function], Function]) -> Any:
    """The fixed point of `body` at `argument`; body's first argument calls it again, MOST_CALLS in all."""
    left = MOST_CALLS

    def again(value: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise Undefined
        return body(again)(value)

    return again(argument)


def _map_with_index(function: Callable[[int], Function], values: List) -> List:
    return tuple(function(position)(value) for position, value in enumerate(values))


def _reduce_with_index(function: Callable[[int], Callable[[Any], Function]], start: Any, values: List) -> Any:
    for position, value in enumerate(values):
        start = function(position)(start)(value)
    return start


def _slice(start: int, end: int, values: List) -> List:
    if start < 0 or end < 0:
        raise Undefined
    return values[start:end]


def by_name(*primitives: Primitive) -> dict[str, Primitive]:
    return {primitive.name: primitive for primitive in primitives}


_LIST0, _LIST1 = list_of(T0), list_of(T1)
NUMBERS = tuple(Primitive(str(number), INT, number) for number in range(6))
ADD, SUBTRACT = Primitive("+", arrow(INT, INT, INT), add), Primitive("-", arrow(INT, INT, INT), lambda x, y: add(x, -y))
MULTIPLY = Primitive("*", arrow(INT, INT, INT), multiply)
GREATER = Primitive("gt?", arrow(INT, INT, BOOL), lambda x, y: x > y)
EQUAL = Primitive("eq?", arrow(INT, INT, BOOL), lambda x, y: x == y)
IF = Primitive("if", arrow(BOOL, T0, T0, T0), if_then_else, lazy=True)
EMPTY = Primitive("empty", _LIST0, ())
CONS = Primitive("cons", arrow(T0, _LIST0, _LIST0), cons)
CAR, CDR = Primitive("car", arrow(_LIST0, T0), car), Primitive("cdr", arrow(_LIST0, _LIST0), cdr)
IS_EMPTY = Primitive("empty?", arrow(_LIST0, BOOL), lambda values: not values)
INDEX = Primitive("index", arrow(INT, _LIST0, T0), index)
RANGE = Primitive("range", arrow(INT, list_of(INT)), count_up)
MODULO = Primitive("mod", arrow(INT, INT, INT), modulo)
IS_PRIME = Primitive("is-prime", arrow(INT, BOOL), lambda x: x in PRIMES)
IS_SQUARE = Primitive("is-square", arrow(INT, BOOL), is_square)
MAP = Primitive("map", arrow(arrow(T0, T1), _LIST0, _LIST1), map_list)
FOLD = Primitive("fold", arrow(_LIST0, T1, arrow(T0, T1, T1), T1), fold)
UNFOLD = Primitive("unfold", arrow(T0, arrow(T0, BOOL), arrow(T0, T1), arrow(T0, T0), _LIST1), unfold)
LENGTH = Primitive("length", arrow(_LIST0, INT), len)
FIX1 = Primitive("fix1", arrow(T0, arrow(arrow(T0, T1), T0, T1), T1), fix1)

BASIC = (*NUMBERS[:2], MAP, UNFOLD, RANGE, INDEX, FOLD, LENGTH, IF, ADD, SUBTRACT, EMPTY, CONS, CAR, CDR, IS_EMPTY)
"""What lists and text have in common."""
COMMON = by_name(*BASIC, MULTIPLY, MODULO, GREATER, EQUAL, IS_PRIME, IS_SQUARE)
MCCARTHY = by_name(EMPTY, CONS, CAR, CDR, IS_EMPTY, GREATER, IF, EQUAL, ADD, SUBTRACT, *NUMBERS[:2], FIX1)


def _on_list(name: str, function: Callable[[List], Any], result: Polytype, element: Polytype = INT) -> Primitive:
    return Primitive(name, arrow(list_of(element), result), function)


RICH = by_name(
    *NUMBERS,
    EMPTY,
    Primitive("singleton", arrow(T0, _LIST0), lambda value: (value,)),
    RANGE,
    Primitive("++", arrow(_LIST0, _LIST0, _LIST0), lambda left, right: _short(left + right)),
    Primitive("mapi", arrow(arrow(INT, T0, T1), _LIST0, _LIST1), _map_with_index),
    Primitive("reducei", arrow(arrow(INT, T1, T0, T1), T1, _LIST0, T1), _reduce_with_index),
    Primitive("true", BOOL, True),
    Primitive("not", arrow(BOOL, BOOL), lambda x: not x),
    Primitive("and", arrow(BOOL, BOOL, BOOL), lambda x, y: x and y),
    Primitive("or", arrow(BOOL, BOOL, BOOL), lambda x, y: x or y),
    _on_list("sort", lambda values: tuple(sorted(values)), list_of(INT)),
    ADD,
    MULTIPLY,
    Primitive("negate", arrow(INT, INT), lambda x: -x),
    MODULO,
    EQUAL,
    GREATER,
    IS_PRIME,
    IS_SQUARE,
    _on_list("sum", lambda values: _bounded(sum(values)), INT),
    _on_list("reverse", lambda values: values[::-1], _LIST0, T0),
    Primitive("all", arrow(arrow(T0, BOOL), _LIST0, BOOL), lambda test, values: all(map(test, values))),
    Primitive("any", arrow(arrow(T0, BOOL), _LIST0, BOOL), lambda test, values: any(map(test, values))),
    INDEX,
    Primitive(
        "filter", arrow(arrow(T0, BOOL), _LIST0, _LIST0), lambda test, values: tuple(v for v in values if test(v))
    ),
    Primitive("slice", arrow(INT, INT, _LIST0, _LIST0), _slice),
)
