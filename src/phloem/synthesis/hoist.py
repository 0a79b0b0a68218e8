"""Smaller programs with the same meaning: what both sides of a conditional share moves out of it.

`if p then a ++ b else a ++ c` is `a ++ (if p then b else c)`. Concatenation is associative, so the common first and
last parts of the two sides are found on their flattened parts."""

from __future__ import annotations

from collections.abc import Sequence

from phloem.synthesis.program import Call, Operator, Program, size


def hoisted(program: Program, concat: Operator | None, conditional: Operator | None, empty: Program | None) -> Program:
    """The program with shared ends of the sides of conditionals outside of them, where that makes it smaller.

    `empty` is what the grammar has for a side of which nothing is left; None when it has none."""
    if not isinstance(program, Call) or concat is None or conditional is None:
        return program
    arguments = tuple(hoisted(each, concat, conditional, empty) for each in program.arguments)
    plain = Call(program.operator, arguments)
    if program.operator != conditional:
        return plain
    predicate, then, other = arguments
    left, right = parts(then, concat), parts(other, concat)
    shortest = min(len(left), len(right))
    room = shortest if empty is not None else shortest - 1
    first = last = 0
    while first < room and left[first] == right[first]:
        first += 1
    while last < room - first and left[-1 - last] == right[-1 - last]:
        last += 1
    if not first + last:
        return plain
    sides = [side[first : len(side) - last] for side in (left, right)]
    inner = [joined(side, concat) if side else empty for side in sides]
    middle: list[Program] = []
    if inner[0] != inner[1]:
        assert inner[0] is not None
        assert inner[1] is not None
        middle = [Call(conditional, (predicate, inner[0], inner[1]))]
    elif inner[0] is not None and any(sides):
        middle = [inner[0]]
    found = joined([*left[:first], *middle, *left[len(left) - last :]], concat)
    return found if size(found) < size(plain) else plain


def parts(program: Program, concat: Operator) -> list[Program]:
    """The parts of a concatenation, from left to right; the program itself when it is none."""
    if isinstance(program, Call) and program.operator == concat:
        return [part for argument in program.arguments for part in parts(argument, concat)]
    return [program]


def joined(pieces: Sequence[Program], concat: Operator) -> Program:
    program = pieces[-1]
    for piece in pieces[-2::-1]:
        program = Call(concat, (piece, program))
    return program
