"""What can be said of a program's value without running it, so that the text needs no check that always passes."""

from __future__ import annotations

from collections.abc import Container, Sequence

from phloem.synthesis.languages.sygus_strings import ALIASES
from phloem.synthesis.program import BOOLEAN, STRING, Call, Constant, Input, Program, postorder, run

LENGTHS = {"str.len", "len", "abs", "mod"}
FROM_ONE = {"find"}
FROM_MINUS_ONE = {"str.indexof", "str.toint", "str.tocode"}


def key(program: Call) -> str:
    """How the operator of a program is called in tables: old names as new ones, without regard to case."""
    name = program.operator.name
    return ALIASES.get(name, name).replace("_", "").casefold()


def at_least(program: Program) -> float:
    """A number that the integer value of the program is never below; minus infinity where nothing is known."""
    if isinstance(program, Input):
        return float("-inf")
    known = number(program)
    if known is not None or isinstance(program, Constant):
        return float("-inf") if known is None else float(known)
    name, arguments = key(program), program.arguments
    if name in LENGTHS:
        return 0
    if name in FROM_ONE:
        return 1
    if name in FROM_MINUS_ONE:
        return -1
    if name in ("+", "add"):
        return sum(map(at_least, arguments))
    if name in ("-", "minus") and len(arguments) == 2:
        taken = number(arguments[1])
        return float("-inf") if taken is None else at_least(arguments[0]) - taken
    if name in ("ite", "if") and arguments[1].type != BOOLEAN:
        return min(map(at_least, arguments[1:]))
    return float("-inf")


def simplified(program: Program) -> Program:
    """The program with every part that reads no input replaced by its value, where it has one."""
    made: list[Program] = []
    for part in postorder(program):
        if isinstance(part, Call):
            first = len(made) - len(part.arguments)
            arguments = tuple(made[first:])
            del made[first:]
            part = Call(part.operator, arguments)
            if all(isinstance(each, Constant) for each in arguments):
                value = run(part, ())
                part = part if value is None else Constant(value, part.type)
        made.append(part)
    return made[0]


def number(program: Program) -> int | None:
    """The value of a constant integer, or of a sum of such; None for anything else."""
    if isinstance(program, Constant) and isinstance(program.value, int) and not isinstance(program.value, bool):
        return program.value
    return None


def text(program: Program) -> str | None:
    """The value of a constant string; None for anything else."""
    return program.value if isinstance(program, Constant) and isinstance(program.value, str) else None


JOINS = {"str.++", "concatenate", "concat"}


def pieces(arguments: Sequence[Program], kept: Container[Program] = ()) -> list[Program]:
    """What a concatenation joins, concatenations in it opened (not those in `kept`), neighbouring constants as one."""
    found: list[Program] = []
    waiting = list(reversed(arguments))
    while waiting:
        part = waiting.pop()
        if isinstance(part, Call) and key(part) in JOINS and part not in kept:
            waiting.extend(reversed(part.arguments))
        elif found and text(part) is not None and text(found[-1]) is not None:
            found[-1] = Constant(f"{text(found[-1])}{text(part)}", STRING)
        else:
            found.append(part)
    return [part for part in found if text(part) != ""] or found[:1]
