"""Grounded symbol systems: symbols in a dependency tree, each with a program over the values of its children.

Li et al., "Neural-Symbolic Recursive Machine for Systematic Generalization" (ICLR 2024, section 3). A sentence is a
sequence of symbols, its syntax a projective tree over them, its meaning the value of the root:

    v_i = program of s_i ( values of the children of i, in order )

EMPTY is the value of a symbol that contributes nothing; it is dropped from the arguments of its head. MISSING is a
failure, and what depends on it is missing, too. The meaning of a symbol is a table of what it has been seen to give,
with weights that are halved before every update, and a program that is found for the confident part of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from random import Random
from typing import NamedTuple, Protocol, TypeAlias

SURE = 0.5  # likelihood above which a program is used, share above which a value is confident


class Special(Enum):
    """Values that are none."""

    EMPTY = "empty"
    MISSING = "missing"


EMPTY, MISSING = Special.EMPTY, Special.MISSING
Value: TypeAlias = tuple[str, ...] | int | Special
Arguments: TypeAlias = tuple[Value, ...]
Heads: TypeAlias = tuple[int, ...]


class Meanings(Protocol):
    """What each symbol does to its arguments, which hold neither EMPTY nor MISSING."""

    def __call__(self, symbol: str, arguments: Arguments) -> Value: ...


def children(heads: Heads) -> list[list[int]]:
    """The children of each place, from left to right."""
    found: list[list[int]] = [[] for _ in heads]
    for child, head in enumerate(heads):
        if head >= 0:
            found[head].append(child)
    return found


def order(heads: Heads) -> list[int]:
    """All places, children before their heads."""
    below = children(heads)
    found, waiting = [], [heads.index(-1)]
    while waiting:
        found.append(waiting.pop())
        waiting += below[found[-1]]
    return found[::-1]


def projective(heads: Heads) -> bool:
    """Whether there is one root, every place is below it, and no arcs cross."""
    if heads.count(-1) != 1 or len(order(heads)) != len(heads):
        return False
    arcs = [tuple(sorted(arc)) for arc in enumerate(heads) if arc[1] >= 0]
    return not any(a < c < b < d for a, b in arcs for c, d in arcs)


def deduce(
    symbols: Sequence[str], heads: Heads, meanings: Meanings, fixed: Mapping[int, Value] | None = None
) -> list[Value]:
    """The value of every place; `fixed` gives some in place of their programs'."""
    values: list[Value] = [MISSING] * len(symbols)
    below = children(heads)
    for place in order(heads):
        if fixed and place in fixed:
            values[place] = fixed[place]
            continue
        given = arguments([values[child] for child in below[place]])
        values[place] = MISSING if given is None else meanings(symbols[place], given)
    return values


def arguments(values: Iterable[Value]) -> Arguments | None:
    """Values of children as arguments, the empty ones dropped; None where one is missing."""
    kept = tuple(value for value in values if value is not EMPTY)
    return None if MISSING in kept else kept


class Program(NamedTuple):
    """A function of at most `arity` arguments, as it is written and as it is called."""

    text: str
    arity: int
    call: Callable[[Arguments], Value]


class Synthesis(Protocol):
    """Finds a program that agrees with as many examples as it can."""

    def __call__(
        self, examples: Mapping[Arguments, Value], library: Sequence[Program], rng: Random
    ) -> Program | None: ...


class Meaning:
    """One symbol: its table, its program, and how likely the program is."""

    def __init__(self) -> None:
        self.table: dict[Arguments, dict[Value, float]] = {}
        self.program: Program | None = None
        self.likelihood = 0.0

    def update(self, examples: Iterable[tuple[Arguments, Value]]) -> None:
        """Halve all weights, then count the examples."""
        for values in self.table.values():
            for value in values:
                values[value] /= 2
        for given, value in examples:
            values = self.table.setdefault(given, {})
            values[value] = values.get(value, 0.0) + 1

    def confident(self) -> dict[Arguments, Value]:
        """The values of at least weight 1 that have more than half of their arguments' weight."""
        found = {}
        for given, values in self.table.items():
            value = max(values, key=lambda each: values[each])
            if values[value] >= 1 and values[value] > SURE * sum(values.values()):
                found[given] = value
        return found

    def synthesize(self, find: Synthesis, library: Sequence[Program], rng: Random) -> None:
        """Look for a program of the confident examples; its likelihood is its accuracy on them, less where they are
        few for its arity. What is solved stays. A symbol that is mostly EMPTY has its table alone: that it contributes
        nothing is easily said of what is not yet understood."""
        examples = self.confident()
        if not examples:
            return
        if 2 * sum(value is EMPTY for value in examples.values()) >= len(examples):
            self.program, self.likelihood = None, UNSURE
            return
        self.likelihood = accuracy(self.program, examples)
        if self.program is None or self.likelihood < SOLVED:
            found = find(examples, library, rng)
            if accuracy(found, examples) > self.likelihood:
                self.program, self.likelihood = found, accuracy(found, examples)
        arity = self.program.arity if self.program else 0
        self.likelihood /= max(1.0, FEW * arity / len(examples))

    def value(self, given: Arguments, rng: Random | None) -> Value:
        """The program's where it is likely, else one of the table's (drawn, or without `rng` the heaviest)."""
        if self.program is not None and self.likelihood > SURE:
            return self.program.call(given)
        values = self.table.get(given)
        if not values:
            return MISSING
        if rng is None:
            return max(values, key=lambda each: values[each])
        return rng.choices(list(values), list(values.values()))[0]


SOLVED = 0.95
UNSURE = 0.2  # that a symbol contributes nothing
FEW = 10  # examples an argument, below which a program is less likely


def accuracy(program: Program | None, examples: Mapping[Arguments, Value]) -> float:
    """The share of examples that a program gives; 0 for none."""
    if program is None or not examples:
        return 0.0
    return sum(program.call(given) == value for given, value in examples.items()) / len(examples)


class Lexicon(dict[str, Meaning]):
    """The meanings of all symbols (a `Meanings`); values are drawn with `rng` where it is given."""

    rng: Random | None = None

    def __missing__(self, symbol: str) -> Meaning:
        self[symbol] = Meaning()
        return self[symbol]

    def __call__(self, symbol: str, arguments: Arguments) -> Value:
        return self[symbol].value(arguments, self.rng)

    def likelihood(self, symbol: str) -> float:
        """Of the program of a symbol."""
        return self[symbol].likelihood
