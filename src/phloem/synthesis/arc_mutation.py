"""Changed programs on grids: how CodeIt makes tasks from tasks (Butt et al., ICML 2024, section 3 and appendix).

A mutation takes a line of a program and, with these weights,

    replaces an argument            0.5    by a name of a fitting type, or with probability 1/2 by a new line before it
    replaces the function           0.25   by one of the same signature
    replaces the variable's line    0.25   by another call whose result has the same type

Types of variables are inferred by running the program on an input. A mutant is accepted when it gives valid grids on
all the inputs, is not the same text, and has no more arguments of a wrong type than its parent; an attempt tries up to
TRIES changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from phloem.synthesis.languages import arc
from phloem.synthesis.languages.arc import INPUT, ArcProgram, Line, variable
from phloem.synthesis.languages.arc_signatures import CONSTANTS, FITS, SIGNATURES
from phloem.synthesis.languages.arc_values import Grid, type_of

WAYS = ("argument", "argument", "function", "variable")
TRIES = 8


def mutant(rng: Random, program: ArcProgram, grids: Sequence[Grid]) -> ArcProgram | None:
    """A changed program that gives a valid grid for each of `grids`; None after TRIES changes."""
    for _ in range(TRIES):
        found = changed(rng, program, grids[0])
        if found is None or found == program or len(found.lines) > arc.MOST_LINES:
            continue
        if not runs(found, grids):
            continue
        if arc.ill_typed(found, grids[0]) <= arc.ill_typed(program, grids[0]):
            return found
    return None


def changed(rng: Random, program: ArcProgram, grid: Grid) -> ArcProgram | None:
    """One change of one line, with the types that the program has on a grid; None where nothing fits."""
    known = arc.trace(program, grid)
    if known is None:
        return None
    types = {name: type_of(value) for name, value in known.items()}
    at = rng.randrange(len(program.lines))
    line = program.lines[at]
    earlier = {name: types[name] for name in (INPUT, *(variable(i) for i in range(1, at + 1)))}
    way = rng.choice(WAYS)
    if way == "argument":
        return _argument(rng, program, at, earlier)
    if way == "function":
        same = [each for each in SIGNATURES.values() if line.called in SIGNATURES and _alike(each.name, line.called)]
        return _with(program, at, Line(rng.choice(same).name, line.arguments)) if same else None
    other = arc.sample_line(rng, earlier, _results(types[arc.names_of(program)[at]]))
    return None if other is None else _with(program, at, other)


def _alike(one: str, other: str) -> bool:
    left, right = SIGNATURES[one], SIGNATURES[other]
    return one != other and (left.arguments, left.result) == (right.arguments, right.result)


def _results(type: str) -> tuple[str, ...]:
    """The results of signatures that may have this type."""
    if type.startswith("Fn"):
        return ("Fn",)
    return (type, *(name for name, fitting in FITS.items() if type in fitting))


def _with(program: ArcProgram, at: int, line: Line) -> ArcProgram:
    return ArcProgram((*program.lines[:at], line, *program.lines[at + 1 :]))


def _argument(rng: Random, program: ArcProgram, at: int, earlier: dict[str, str]) -> ArcProgram | None:
    line = program.lines[at]
    place = rng.randrange(len(line.arguments))
    name = line.arguments[place]
    if name in SIGNATURES:
        arity = len(SIGNATURES[name].arguments)
        fitting = [each for each in SIGNATURES if each != name and len(SIGNATURES[each].arguments) == arity]
        near = [each for each in fitting if _alike(each, name)]
        return _with(program, at, _named(line, place, rng.choice(near or fitting)))
    type = earlier.get(name) or type_of(CONSTANTS[name])
    if rng.random() < 0.5:
        fresh = arc.sample_line(rng, earlier, _results(type))
        return None if fresh is None else _inserted(program, at, place, fresh)
    wanted = (
        type if type.startswith("Fn") or line.called not in SIGNATURES else SIGNATURES[line.called].arguments[place]
    )
    names = [each for each in arc.candidates(type if wanted == "Any" else wanted, earlier) if each != name]
    names = [each for each in names if each not in SIGNATURES]
    return _with(program, at, _named(line, place, rng.choice(names))) if names else None


def _named(line: Line, place: int, name: str) -> Line:
    return Line(line.called, (*line.arguments[:place], name, *line.arguments[place + 1 :]))


def _inserted(program: ArcProgram, at: int, place: int, fresh: Line) -> ArcProgram:
    """The fresh line before line `at`, whose argument it becomes; variables behind it are renumbered."""
    numbers = {variable(i): variable(i + 1) for i in range(at + 1, len(program.lines))}

    def moved(line: Line) -> Line:
        called, *arguments = (numbers.get(name, name) for name in (line.called, *line.arguments))
        return Line(called, tuple(arguments))

    after = [moved(line) for line in program.lines[at:]]
    after[0] = _named(after[0], place, variable(at + 1))
    return ArcProgram((*program.lines[:at], fresh, *after))


def runs(program: ArcProgram, grids: Sequence[Grid]) -> bool:
    """Whether it gives a valid grid for each."""
    return all(arc.answer(program, grid) is not None for grid in grids)
