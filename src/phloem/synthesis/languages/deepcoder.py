"""DeepCoder's lists, in the form of ExeDec: straight-line programs on integers and lists of them.

    x0 = INPUT | x1 = INPUT | x2 = Scanl1 (-) x0 | x3 = Map (*(-1)) x2 | x4 = Filter (>0) x3

A line applies one operation to variables, and the value of the last line is the output. Nine operations are of first
order; five take one of nineteen functions. Values lie within `Bounds` (in ExeDec -50 to 50, inputs of at most five
elements): a line whose result does not, or is not defined (the head of an empty list), makes the whole run fail. Take
and Drop are slices as in Python, so a negative number counts from the end; division rounds down; ZipWith stops with the
shorter list.

Sources: Balog et al., DeepCoder (ICLR 2017), appendix F; Shi et al., ExeDec (ICLR 2024), appendix B and released tasks.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import NamedTuple, TypeAlias

from phloem.errors import PhloemError

ListValue: TypeAlias = int | tuple[int, ...]
State: TypeAlias = tuple[ListValue, ...]
"""The values of x0, x1, … on one example."""

INT, LIST = "int", "list"
MAPPED, TESTED, COMBINED = "int -> int", "int -> bool", "int, int -> int"
VARIABLES = 10
name = "deepcoder"


class Bounds(NamedTuple):
    """Of values (either way), and of the length of input lists."""

    largest: int = 50
    longest: int = 5


class Function(NamedTuple):
    """A function that an operation of higher order takes."""

    name: str
    type: str
    apply: Callable[..., int]


class Operation(NamedTuple):
    """`apply` gives None where the result is not defined."""

    name: str
    arguments: tuple[str, ...]
    result: str
    apply: Callable[..., ListValue | None]


FUNCTIONS: dict[str, Function] = {
    each.name: each
    for each in (
        Function("(+1)", MAPPED, lambda x: x + 1),
        Function("(-1)", MAPPED, lambda x: x - 1),
        Function("(*2)", MAPPED, lambda x: x * 2),
        Function("(/2)", MAPPED, lambda x: x // 2),
        Function("(*(-1))", MAPPED, operator.neg),
        Function("(**2)", MAPPED, lambda x: x * x),
        Function("(*3)", MAPPED, lambda x: x * 3),
        Function("(/3)", MAPPED, lambda x: x // 3),
        Function("(*4)", MAPPED, lambda x: x * 4),
        Function("(/4)", MAPPED, lambda x: x // 4),
        Function("(>0)", TESTED, lambda x: x > 0),
        Function("(<0)", TESTED, lambda x: x < 0),
        Function("(%2==0)", TESTED, lambda x: x % 2 == 0),
        Function("(%2==1)", TESTED, lambda x: x % 2 == 1),
        Function("(+)", COMBINED, operator.add),
        Function("(-)", COMBINED, operator.sub),
        Function("(*)", COMBINED, operator.mul),
        Function("(min)", COMBINED, min),
        Function("(max)", COMBINED, max),
    )
}

OPERATIONS: dict[str, Operation] = {
    each.name: each
    for each in (
        Operation("Head", (LIST,), INT, lambda x: x[0] if x else None),
        Operation("Last", (LIST,), INT, lambda x: x[-1] if x else None),
        Operation("Take", (INT, LIST), LIST, lambda n, x: x[:n]),
        Operation("Drop", (INT, LIST), LIST, lambda n, x: x[n:]),
        Operation("Access", (INT, LIST), INT, lambda n, x: x[n] if 0 <= n < len(x) else None),
        Operation("Minimum", (LIST,), INT, lambda x: min(x, default=None)),
        Operation("Maximum", (LIST,), INT, lambda x: max(x, default=None)),
        Operation("Reverse", (LIST,), LIST, lambda x: x[::-1]),
        Operation("Sort", (LIST,), LIST, lambda x: tuple(sorted(x))),
        Operation("Sum", (LIST,), INT, sum),
        Operation("Map", (MAPPED, LIST), LIST, lambda f, x: tuple(map(f, x))),
        Operation("Filter", (TESTED, LIST), LIST, lambda f, x: tuple(filter(f, x))),
        Operation("Count", (TESTED, LIST), INT, lambda f, x: sum(map(f, x))),
        Operation("ZipWith", (COMBINED, LIST, LIST), LIST, lambda f, x, y: tuple(map(f, x, y))),
        Operation("Scanl1", (COMBINED, LIST), LIST, lambda f, x: tuple(accumulate(x, f))),
    )
}
FIRST_ORDER = ("Head", "Last", "Take", "Drop", "Access", "Minimum", "Maximum", "Reverse", "Sort", "Sum")
HIGHER_ORDER = ("Map", "Filter", "Count", "ZipWith", "Scanl1")


class Line(NamedTuple):
    """One application: the operation, and its arguments, names of functions or numbers of variables."""

    operation: str
    arguments: tuple[str | int, ...]

    def __str__(self) -> str:
        return " ".join([self.operation, *(each if isinstance(each, str) else f"x{each}" for each in self.arguments)])


class ListProgram(NamedTuple):
    """So many inputs, x0 …, and a line for each further variable."""

    inputs: int
    lines: tuple[Line, ...]

    def __str__(self) -> str:
        return print(self)


def type_of(value: ListValue) -> str:
    return LIST if isinstance(value, tuple) else INT


def within(value: ListValue | None, bounds: Bounds) -> bool:
    """Whether it is a value that a run may hold."""
    if value is None:
        return False
    parts = value if isinstance(value, tuple) else (value,)
    return all(-bounds.largest <= part <= bounds.largest for part in parts)


def step(line: Line, state: State, bounds: Bounds = Bounds()) -> ListValue | None:  # noqa: B008
    """The value of a line; None where it is not defined, out of bounds, or the line does not fit the variables."""
    operation = OPERATIONS.get(line.operation)
    if operation is None or len(operation.arguments) != len(line.arguments):
        return None
    values: list[object] = []
    for type, argument in zip(operation.arguments, line.arguments, strict=True):
        if isinstance(argument, str):
            function = FUNCTIONS.get(argument)
            if function is None or function.type != type:
                return None
            values.append(function.apply)
        elif not 0 <= argument < len(state) or type_of(state[argument]) != type:
            return None
        else:
            values.append(state[argument])
    value = operation.apply(*values)
    return value if within(value, bounds) else None


def run(
    program: ListProgram,
    inputs: Sequence[ListValue],
    *,
    fuel: int = 1_000,
    bounds: Bounds = Bounds(),  # noqa: B008
) -> State | None:
    """The values of all variables; None when a line fails, or there are more lines than fuel. Total."""
    if len(inputs) != program.inputs or len(program.lines) > fuel:
        return None
    state: State = tuple(inputs)
    for line in program.lines:
        value = step(line, state, bounds)
        if value is None:
            return None
        state = (*state, value)
    return state


def used(program: ListProgram) -> set[int]:
    """The variables that the last one depends on, itself among them."""
    needed = {program.inputs + len(program.lines) - 1}
    for number in range(len(program.lines) - 1, -1, -1):
        if program.inputs + number in needed:
            needed |= {each for each in program.lines[number].arguments if isinstance(each, int)}
    return needed


def lines(types: Sequence[str], operations: Sequence[str] = tuple(OPERATIONS)) -> list[Line]:
    """All well-typed lines over variables of these types."""
    return list(_lines(tuple(types), tuple(operations)))


@lru_cache(maxsize=4096)
def _lines(types: tuple[str, ...], operations: tuple[str, ...]) -> tuple[Line, ...]:
    functions: dict[str, list[str | int]] = {}
    for function in FUNCTIONS.values():
        functions.setdefault(function.type, []).append(function.name)
    found = []
    for called in operations:
        choices: list[tuple[str | int, ...]] = [()]
        for type in OPERATIONS[called].arguments:
            options = functions.get(type) or [i for i, each in enumerate(types) if each == type]
            choices = [(*chosen, option) for chosen in choices for option in options]
        found += [Line(called, chosen) for chosen in choices]
    return tuple(found)


# Text


_VARIABLE = re.compile(r"x(\d)")


def print(program: ListProgram) -> str:
    """The program as ExeDec writes it."""
    parts = ["INPUT"] * program.inputs + [str(line) for line in program.lines]
    return " | ".join(f"x{i} = {part}" for i, part in enumerate(parts))


def parse(text: str) -> ListProgram:
    """Read what `print` wrote. Raises PhloemError with the line that is not understood."""
    parts = [part.split() for part in text.split("|")]
    inputs = 0
    found: list[Line] = []
    for number, words in enumerate(parts):
        if words[:2] != [f"x{number}", "="] or len(words) < 3:
            raise PhloemError(f"line {number + 1}: expected x{number} = …, found {' '.join(words) or 'nothing'}")
        if words[2:] == ["INPUT"] and not found:
            inputs += 1
        else:
            found.append(parse_line(words[2:], number))
    return ListProgram(inputs, tuple(found))


def parse_line(words: Sequence[str], variables: int) -> Line:
    """A line without its variable. Raises PhloemError; types of variables are not looked at."""
    called = words[0] if words else "nothing"
    operation = OPERATIONS.get(called)
    if operation is None:
        raise PhloemError(f"line {variables + 1}: there is no operation {called}")
    if len(words) != 1 + len(operation.arguments):
        raise PhloemError(f"line {variables + 1}: {called} takes {len(operation.arguments)} arguments")
    arguments: list[str | int] = []
    for type, word in zip(operation.arguments, words[1:], strict=True):
        variable = _VARIABLE.fullmatch(word)
        if type in (INT, LIST) and variable is not None and int(variable[1]) < variables:
            arguments.append(int(variable[1]))
        elif word in FUNCTIONS and FUNCTIONS[word].type == type:
            arguments.append(word)
        else:
            raise PhloemError(f"line {variables + 1}: {word} is no {type}")
    return Line(called, tuple(arguments))


def print_value(value: ListValue) -> str:
    """`[ 3 1 2 ]` or `9`."""
    return f"[ {' '.join(map(str, value))} ]".replace("  ", " ") if isinstance(value, tuple) else str(value)


def parse_value(text: str) -> ListValue:
    """Read what `print_value` wrote. Raises PhloemError."""
    words = text.split()
    try:
        if words[:1] == ["["] and words[-1] == "]":
            return tuple(int(word) for word in words[1:-1])
        (word,) = words
        return int(word)
    except ValueError as error:
        raise PhloemError(f"no value: {text!r}") from error


def print_state(state: State) -> str:
    """`x0 = [ 3 1 2 ] | x1 = 9`."""
    return " | ".join(f"x{i} = {print_value(value)}" for i, value in enumerate(state))


def parse_state(text: str) -> State:
    """Read what `print_state` wrote. Raises PhloemError."""
    values = []
    for number, part in enumerate(text.split("|")):
        variable, _, value = part.partition("=")
        if variable.strip() != f"x{number}":
            raise PhloemError(f"expected x{number} = …, found {part.strip()!r}")
        values.append(parse_value(value))
    return tuple(values)


# Tokens


SYMBOLS = ("|", "=", "INPUT", "[", "]")
PAD, END, BEGIN = 0, 1, 2
WORDS = (
    *SYMBOLS,
    *OPERATIONS,
    *FUNCTIONS,
    *(f"x{i}" for i in range(VARIABLES)),
    *(str(i) for i in range(-50, 51)),
)
NUMBERS = {word: number for number, word in enumerate(WORDS, BEGIN + 1)}
SIZE = BEGIN + 1 + len(WORDS)
SEPARATOR = NUMBERS["|"]


def encode(text: str) -> list[int]:
    """The tokens of a program, state or value. Raises PhloemError for a word that is not in the vocabulary."""
    try:
        return [NUMBERS[word] for word in text.split()]
    except KeyError as error:
        raise PhloemError(f"{error} is no word of the list language") from error


def decode(tokens: Sequence[int]) -> str:
    """The text of tokens; those without a word are left out."""
    return " ".join(WORDS[token - BEGIN - 1] for token in tokens if token > BEGIN)


# Sampling


def sample_inputs(rng: Random, examples: int, bounds: Bounds = Bounds(), *, most: int = 2) -> list[State]:  # noqa: B008
    """One or two inputs, the first a list, with the same types in all examples."""
    types = [LIST, *(rng.choice((LIST, INT)) for _ in range(rng.randint(0, most - 1)))]
    low, high = rng.choice(((0, 9), (-9, 9), (-bounds.largest, bounds.largest), (0, bounds.largest)))
    rows = []
    for _ in range(examples):
        row: list[ListValue] = []
        for type in types:
            if type == INT:
                row.append(rng.randint(0, bounds.longest))
            else:
                row.append(tuple(rng.randint(low, high) for _ in range(rng.randint(0, bounds.longest))))
        rows.append(tuple(row))
    return rows


def sample(rng: Random, rows: Sequence[State], size: int, bounds: Bounds = Bounds()) -> ListProgram:  # noqa: B008
    """A random program of at most `size` lines that runs on all rows; lines uniform among those that do."""
    program = ListProgram(len(rows[0]), ())
    states = [tuple(row) for row in rows]
    for _ in range(size):
        possible = lines([type_of(value) for value in states[0]])
        rng.shuffle(possible)
        for line in possible:
            values = [step(line, state, bounds) for state in states]
            if None not in values and all(each not in state for each, state in zip(values, states, strict=True)):
                states = [(*s, v) for s, v in zip(states, values, strict=True) if v is not None]
                program = program._replace(lines=(*program.lines, line))
                break
    return program
