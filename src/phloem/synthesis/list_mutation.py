"""New list programs from a few seeds: mutation and recombination, with types inferred by running.

Li and Ellis ("Is Programming by Example solved by LLMs?", NeurIPS 2024, section 3) let a language model vary seeds. The
offline stand-in changes one thing of a seed: an argument, a function or operation of the same types, a line more, a
line less; or it lets the lines of one seed follow those of another. What types the variables have is found by running
the program on inputs; a change after which some line does not run is thrown away. Lines that the result does not depend
on are taken out.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from phloem.synthesis.languages import deepcoder
from phloem.synthesis.languages.deepcoder import Bounds, Line, ListProgram, State, type_of

TRIES = 20
WAYS = ("replace", "replace", "insert", "delete", "recombine")


def mutant(
    rng: Random, seeds: Sequence[ListProgram], rows: Sequence[State], bounds: Bounds, *, most: int
) -> ListProgram | None:
    """A changed seed of at most `most` lines that runs on all rows, not a seed itself; None after TRIES changes."""
    for _ in range(TRIES):
        seed = rng.choice(seeds)
        if seed.inputs != len(rows[0]):
            continue
        found = _changed(rng, rng.choice(WAYS), seed, seeds, rows, bounds)
        if found is None:
            continue
        found = trimmed(found)
        if 1 <= len(found.lines) <= most and found not in seeds and states(found, rows, bounds) is not None:
            return found
    return None


def states(program: ListProgram, rows: Sequence[State], bounds: Bounds) -> list[State] | None:
    """The values of all variables on every row; None when a row fails."""
    found = [deepcoder.run(program, row, bounds=bounds) for row in rows]
    return None if None in found else [each for each in found if each is not None]


def trimmed(program: ListProgram) -> ListProgram:
    """Without the lines that the last one does not depend on; variables are renumbered."""
    needed = deepcoder.used(program)
    numbers = {i: i for i in range(program.inputs)}
    lines: list[Line] = []
    for i, line in enumerate(program.lines, program.inputs):
        if i in needed:
            lines.append(_renamed(line, numbers))
            numbers[i] = program.inputs + len(lines) - 1
    return ListProgram(program.inputs, tuple(lines))


def _renamed(line: Line, numbers: dict[int, int]) -> Line:
    return Line(line.operation, tuple(numbers[each] if isinstance(each, int) else each for each in line.arguments))


def _changed(
    rng: Random,
    way: str,
    seed: ListProgram,
    seeds: Sequence[ListProgram],
    rows: Sequence[State],
    bounds: Bounds,
) -> ListProgram | None:
    lines = list(seed.lines)
    at = rng.randrange(len(lines) + (way == "insert")) if lines or way == "insert" else -1
    if at < 0:
        return None
    if way == "delete":
        removed = seed.inputs + at
        after = [_without(rng, line, removed, seed.inputs) for line in lines[at + 1 :]]
        return seed._replace(lines=(*lines[:at], *after))
    if way == "recombine":
        other = rng.choice([each for each in seeds if each.inputs == seed.inputs])
        first = seed.inputs + len(lines)
        numbers = {i: i for i in range(seed.inputs)} | {0: first - 1}
        numbers |= {other.inputs + i: first + i for i in range(len(other.lines))}
        return seed._replace(lines=(*lines, *(_renamed(line, numbers) for line in other.lines)))
    before = states(seed._replace(lines=tuple(lines[:at])), rows, bounds)
    if before is None:
        return None
    types = [type_of(value) for value in before[0]]
    possible = deepcoder.lines(types)
    if way == "insert":
        numbers = {i: i + (i >= seed.inputs + at) for i in range(seed.inputs + len(lines))}
        after = [_renamed(line, numbers) for line in lines[at:]]
        return seed._replace(lines=(*lines[:at], rng.choice(possible), *_using(rng, after, seed.inputs + at)))
    result = deepcoder.OPERATIONS[lines[at].operation].result
    alike = [line for line in possible if deepcoder.OPERATIONS[line.operation].result == result]
    return seed._replace(lines=(*lines[:at], rng.choice(alike), *lines[at + 1 :]))


def _without(rng: Random, line: Line, removed: int, inputs: int) -> Line:
    """A line that no longer reads a removed variable: an earlier one takes its place, later ones move up."""

    def moved(argument: str | int) -> str | int:
        if isinstance(argument, str) or argument < removed:
            return argument
        return rng.randrange(removed) if argument == removed else argument - 1

    return Line(line.operation, tuple(moved(each) for each in line.arguments))


def _using(rng: Random, lines: list[Line], inserted: int) -> list[Line]:
    """Lines of which the first that reads an earlier variable reads the inserted one in its place."""
    if not lines:
        return lines
    line = lines[0]
    places = [i for i, each in enumerate(line.arguments) if isinstance(each, int)]
    arguments = list(line.arguments)
    arguments[rng.choice(places)] = inserted
    return [Line(line.operation, tuple(arguments)), *lines[1:]]
