"""Programs on the grids of ARC, line by line, in the language of CodeIt (Butt et al., ICML 2024; Hodel 2022).

    x1 = objects(I, T, F, T)
    x2 = argmax(x1, size)
    O = subgrid(x2, I)

A line calls a function, or a variable that holds one, with constants, functions, the input I and earlier variables; the
last line's variable is O. `run` is total: what is undefined, too large or out of fuel gives None. Types are those of
values (`arc_values.type_of`): they are inferred by running (`trace`), as in CodeIt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from phloem.errors import PhloemError
from phloem.synthesis.languages.arc_signatures import CONSTANTS, SIGNATURES, fits
from phloem.synthesis.languages.arc_values import (
    FUEL,
    METER,
    Function,
    Grid,
    Undefined,
    Value,
    is_output,
    type_of,
)

INPUT, OUTPUT = "I", "O"
MOST_LINES = 99  # x1 … x99
_LINE = re.compile(r"(\w+) = (\w+)\((\w+(?:, ?\w+)*)\)")


class Line(NamedTuple):
    """A call: the name of a function or variable, and the names of its arguments."""

    called: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.called}({', '.join(self.arguments)})"


class ArcProgram(NamedTuple):
    """Line i (from 1) is called x{i}, the last one O."""

    lines: tuple[Line, ...]

    def __str__(self) -> str:
        return print(self)


def variable(number: int) -> str:
    return f"x{number}"


def print(program: ArcProgram) -> str:
    """A line each."""
    last = len(program.lines)
    return "\n".join(f"{OUTPUT if i == last else variable(i)} = {line}" for i, line in enumerate(program.lines, 1))


def parse(text: str) -> ArcProgram:
    """Read what `print` wrote; variables x0 … x99 may have any numbers, and are numbered anew. Raises PhloemError with
    the line that is not understood."""
    rows = [row.strip() for row in text.strip().splitlines()]
    if not 1 <= len(rows) <= MOST_LINES:
        raise PhloemError(f"a program has 1 to {MOST_LINES} lines, this one {len(rows)}")
    lines: list[Line] = []
    names = {name: name for name in (INPUT, *CONSTANTS, *SIGNATURES)}
    for number, row in enumerate(rows, 1):
        match = _LINE.fullmatch(row)
        if match is None or not re.fullmatch(OUTPUT if number == len(rows) else r"x\d\d?", match[1]):
            raise PhloemError(f"line {number}: no variable = function(arguments): {row!r}")
        used = (match[2], *re.split(r", ?", match[3]))
        unknown = next((name for name in used if name not in names), None)
        if unknown is not None or used[0] in CONSTANTS or used[0] == INPUT:
            raise PhloemError(f"line {number}: there is no {unknown or f'function {used[0]}'}")
        if used[0] in SIGNATURES and len(used) - 1 != len(SIGNATURES[used[0]].arguments):
            raise PhloemError(f"line {number}: {used[0]} takes {len(SIGNATURES[used[0]].arguments)} arguments")
        called, *arguments = (names[name] for name in used)
        lines.append(Line(called, tuple(arguments)))
        names[match[1]] = variable(number)
    return ArcProgram(tuple(lines))


def names_of(program: ArcProgram) -> list[str]:
    """What the lines are called."""
    return [*(variable(i) for i in range(1, len(program.lines))), OUTPUT][: len(program.lines)]


def value_of(name: str, known: dict[str, Value]) -> Value:
    """Of a variable, constant or function. Raises Undefined."""
    if name in known:
        return known[name]
    if name in CONSTANTS:
        return CONSTANTS[name]
    if name in SIGNATURES:
        return SIGNATURES[name].function
    raise Undefined


def trace(program: ArcProgram, grid: Grid, *, fuel: int = FUEL) -> dict[str, Value] | None:
    """The values of I and of every line; None when one has none. Never raises."""
    METER.left = fuel
    known: dict[str, Value] = {INPUT: grid}
    try:
        for name, line in zip(names_of(program), program.lines, strict=True):
            function = value_of(line.called, known)
            if not isinstance(function, Function):
                return None
            known[name] = function(*(value_of(argument, known) for argument in line.arguments))
    except (
        Undefined,
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
        RuntimeError,
        MemoryError,
    ):
        return None
    return known


def run(program: ArcProgram, grid: Grid, *, fuel: int = FUEL) -> Value | None:
    """The value of O, whatever its type; None when there is none."""
    known = trace(program, grid, fuel=fuel)
    return None if known is None else known.get(OUTPUT)


def answer(program: ArcProgram, grid: Grid, *, fuel: int = FUEL) -> Grid | None:
    """The value of O where it is a valid grid."""
    value = run(program, grid, fuel=fuel)
    return value if is_output(value) else None


def types(program: ArcProgram, grid: Grid) -> dict[str, str] | None:
    """The inferred types of I and of every line."""
    known = trace(program, grid)
    return None if known is None else {name: type_of(value) for name, value in known.items()}


def ill_typed(program: ArcProgram, grid: Grid) -> int:
    """How many arguments have a type that the function's signature does not name; all of a program that does not run.

    Python's own indifference lets a few published solutions do so: a tuple of places for a patch, say."""
    inferred = types(program, grid)
    if inferred is None:
        return sum(len(line.arguments) for line in program.lines)
    count = 0
    for line in program.lines:
        if line.called in SIGNATURES:
            for wanted, name in zip(SIGNATURES[line.called].arguments, line.arguments, strict=True):
                count += not fits(wanted, inferred.get(name) or type_of(value_of(name, {})))
    return count


# Sampling


def candidates(wanted: str, known: dict[str, str], arity: int | None = None) -> list[str]:
    """Names of variables, constants and functions whose type fits what is wanted; functions of `arity` alone."""
    found = [name for name, type in known.items() if fits(wanted, type)]
    found += [name for name, value in CONSTANTS.items() if fits(wanted, type_of(value))]
    if wanted == "Fn":
        found += [name for name, each in SIGNATURES.items() if arity in (None, len(each.arguments))]
    return found


def sample_line(rng: Random, known: dict[str, str], results: Sequence[str] = ()) -> Line | None:
    """A call of a random function on fitting arguments; one whose result is among `results` where they are given."""
    possible = [each for each in SIGNATURES.values() if not results or each.result in results]
    signature = rng.choice(possible)
    arguments = []
    for wanted in signature.arguments:
        fitting = [name for name in candidates(wanted, known) if wanted == "Fn" or name not in SIGNATURES]
        own = [name for name in fitting if name in known]
        if not fitting:
            return None
        arguments.append(rng.choice(own if own and rng.random() < 0.6 else fitting))
    return Line(signature.name, tuple(arguments))


def sample(rng: Random, grid: Grid, size: int, tries: int = 60) -> ArcProgram | None:
    """A program of at most `size` lines that gives a valid grid here; every line runs, and O is a grid's function."""
    lines: list[Line] = []
    for _ in range(tries):
        known = trace(ArcProgram((*lines, Line("identity", (INPUT,)))), grid)
        if known is None:
            return None
        known.pop(OUTPUT)
        here = {name: type_of(value) for name, value in known.items()}
        final = len(lines) + 1 >= size or rng.random() < 0.3
        line = sample_line(rng, here, ("Grid", "Piece", "Element") if final else ())
        if line is None:
            continue
        longer = ArcProgram((*lines, line))
        if final:
            if answer(longer, grid) not in (None, grid):
                return longer
        elif trace(longer, grid) is not None:
            lines.append(line)
    return None
