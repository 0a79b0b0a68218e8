"""Programs as trees of typed operators, and the one interpreter of them all.

A program is an input, a constant, or an operator over programs. A language is no more than its operators: each knows
the types of its arguments and of its result, and a function that computes the result or None where the operator is not
defined (the position of a string that is not there, a character before the first). An operator is total: it never
raises, and what it returns is bounded by `LONGEST`.

A run is strict and fails as a whole when one operator fails, as in BUSTLE (Odena et al. 2021, section 2). Every node
costs one unit of fuel, so a run ends after at most `size(program)` steps; there are no loops in these languages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

Type: TypeAlias = str
"""`STRING`, `INTEGER`, `BOOLEAN`; a language may have types of its own for arguments that are always constants."""
Value: TypeAlias = str | int | bool

STRING: Type = "string"
INTEGER: Type = "integer"
BOOLEAN: Type = "boolean"

LONGEST = 1 << 20  # characters of a string value, so that nested repetition ends
FUEL = 100_000


class Operator(NamedTuple):
    """What a language can do to values: `apply(*values)` computes the result, None where it is not defined.

    `name` is printed; two operators of a language may share it when their argument types differ (overloads)."""

    name: str
    arguments: tuple[Type, ...]
    result: Type
    apply: Callable[..., Value | None]

    def __repr__(self) -> str:
        return f"{self.name}: {' '.join(self.arguments)} -> {self.result}"


@dataclass(frozen=True, slots=True)
class Input:
    """The argument number `index` of the program."""

    name: str
    index: int
    type: Type


@dataclass(frozen=True, slots=True)
class Constant:
    value: Value
    type: Type


@dataclass(frozen=True, slots=True)
class Call:
    operator: Operator
    arguments: tuple["Program", ...]

    @property
    def type(self) -> Type:
        return self.operator.result


Program: TypeAlias = Input | Constant | Call


def nodes(program: Program) -> Iterator[Program]:
    """The program and all its parts, each before its arguments."""
    waiting = [program]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, Call):
            waiting.extend(reversed(part.arguments))


def size(program: Program) -> int:
    """How many nodes the tree has, inputs and constants counted."""
    return sum(1 for _ in nodes(program))


def run(program: Program, inputs: Sequence[Value], *, fuel: int = FUEL) -> Value | None:
    """The value of the program on one row of inputs; None when an operator fails or the fuel is used up.

    Without recursion, so that the depth of a program is bounded by memory alone. Never raises for a well-typed program
    and a row with the program's inputs."""
    values: list[Value] = []
    for spent, part in enumerate(postorder(program)):
        if spent >= fuel:
            return None
        if isinstance(part, Call):
            count = len(part.arguments)
            first = len(values) - count
            value = part.operator.apply(*values[first:])
            del values[first:]
            if value is None or (isinstance(value, str) and len(value) > LONGEST):
                return None
            values.append(value)
        else:
            values.append(inputs[part.index] if isinstance(part, Input) else part.value)
    return values[0]


def compiled(program: Program) -> Callable[..., Value | None]:
    """A function of the inputs that gives what `run` gives, faster; for small programs, since it calls itself."""
    if isinstance(program, Input):
        index = program.index
        return lambda *inputs: inputs[index]
    if isinstance(program, Constant):
        constant = program.value
        return lambda *inputs: constant
    apply, parts = program.operator.apply, [compiled(argument) for argument in program.arguments]

    def call(*inputs: Value) -> Value | None:
        values = [part(*inputs) for part in parts]
        return None if None in values else apply(*values)

    return call


def postorder(program: Program) -> Iterator[Program]:
    """The parts of a program, each after its arguments, arguments from left to right."""
    waiting: list[tuple[Program, bool]] = [(program, False)]
    while waiting:
        part, seen = waiting.pop()
        if seen or not isinstance(part, Call):
            yield part
        else:
            waiting.append((part, True))
            waiting.extend((argument, False) for argument in reversed(part.arguments))


def well_typed(program: Program) -> bool:
    """Whether every operator has as many arguments as it asks for, each of the right type."""
    return all(
        tuple(argument.type for argument in part.arguments) == part.operator.arguments
        for part in nodes(program)
        if isinstance(part, Call)
    )
