"""Rules about C and about comments as a program that writes labelled pairs.

Abi Akl, "NeSy is alive and well: A LLM-driven symbolic approach for better code comment data generation and
classification" (2024): seventeen rules in plain words, rewritten by a language model as an algorithm, make 5,000
synthetic pairs. Here the rules are the program, without a model between. A line of code is drawn first, then a comment
by its label; each pair says which rules made it.

    code      1 token  2 identifier  3 type  4 literal  5 declaration  6 assignment  7 call  8 loop  9 condition
    comment   10 of a line  11 of a block
    useful    12 says the purpose  13 says a constraint or reason
    not       14 repeats the names  15 is empty  16 speaks of something else  17 is code or a ruler
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from phloem.tasks.comment_pairs import CommentPair

RULES = (
    "token",
    "identifier",
    "type",
    "literal",
    "declaration",
    "assignment",
    "call",
    "loop",
    "condition",
    "line comment",
    "block comment",
    "purpose",
    "constraint",
    "repetition",
    "empty",
    "unrelated",
    "code as comment",
)
_OBJECTS = ("buffer", "packet", "window", "index", "counter", "header", "node", "table", "frame", "queue", "cursor",
            "block", "request", "channel", "record", "sector", "timer", "token", "widget", "signal")  # fmt: skip
_PARTS = ("size", "length", "offset", "limit", "state", "depth", "width", "total", "flags", "start", "score", "level")
_VERBS = ("init", "free", "update", "flush", "lock", "parse", "reset", "copy", "check", "close", "read", "write")
_TYPES = ("int", "long", "unsigned int", "char", "double", "float", "short", "size_t", "uint32_t", "const char *")
_UNITS = ("milliseconds", "bytes", "pixels", "kilobytes", "entries", "microseconds", "cells", "percent")
_MOMENTS = (
    "the caller resumes",
    "another thread wakes up",
    "the device answers",
    "memory runs short",
    "a client disconnects",
    "the parent exits",
    "an interrupt arrives",
    "the cache becomes stale",
)
_REASONS = (
    "older hardware ignores zero",
    "the protocol demands this order",
    "negative values mean unknown",
    "some compilers warn otherwise",
    "duplicates would confuse users",
    "recovery needs a clean slate",
    "the standard leaves it undefined",
    "signed overflow must never happen",
)
_ELSEWHERE = (
    "thanks go to everybody at the summer meeting",
    "written on a rainy monday in {place}",
    "this release is dedicated to my dog",
    "remember lunch with colleagues from {place}",
    "see the poster in our {place} office",
    "nobody likes mondays around {place}",
)
_PLACES = ("Lisbon", "Oslo", "Kyoto", "Quito", "Turin", "Dakar", "Perth", "Ghent", "Malmo", "Hanoi")
_EMPTY = ("", "...", "???", "xxx", "--", "!", "note", "hm", "todo", "fixme", "ok", "tmp")
_RULERS = ("-", "=", "*", "#", "~")


class Line(NamedTuple):
    """A line of C with what it speaks of and the rules that made it."""

    code: str
    names: tuple[str, ...]  # the words of its main identifier
    verb: str  # what a comment that repeats it would say
    rules: tuple[str, ...]


class Made(NamedTuple):
    pair: CommentPair
    rules: tuple[str, ...]


def _pick(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[int(rng.integers(len(words)))]


def _name(rng: np.random.Generator) -> tuple[str, str]:
    return _pick(rng, _OBJECTS), _pick(rng, _PARTS)


def _literal(rng: np.random.Generator) -> str:
    return str(int(rng.integers(0, 4096)))


def declaration(rng: np.random.Generator) -> Line:
    names, kind = _name(rng), _pick(rng, _TYPES)
    end = " = 0;" if kind == "const char *" else f" = {_literal(rng)};"
    return Line(f"{kind} {'_'.join(names)}{end}", names, "declare", ("type", "literal", "declaration"))


def assignment(rng: np.random.Generator) -> Line:
    names = _name(rng)
    operator = _pick(rng, ("=", "+=", "-=", "|="))
    return Line(f"{'_'.join(names)} {operator} {_literal(rng)};", names, "set", ("literal", "assignment"))


def call(rng: np.random.Generator) -> Line:
    verb, thing, argument = _pick(rng, _VERBS), _pick(rng, _OBJECTS), _name(rng)
    code = f"{verb}_{thing}({'_'.join(argument)}, {_literal(rng)});"
    return Line(code, (verb, thing), "call", ("literal", "call"))


def loop(rng: np.random.Generator) -> Line:
    names, verb, bound = _name(rng), _pick(rng, _VERBS), _literal(rng)
    code = f"for (i = 0; i < {bound}; i++) {verb}_{names[0]}(&{'_'.join(names)}[i]);"
    return Line(code, names, "loop over", ("literal", "loop", "call"))


def condition(rng: np.random.Generator) -> Line:
    names = _name(rng)
    code = f"if ({'_'.join(names)} > {_literal(rng)}) return -1;"
    return Line(code, names, "check", ("literal", "condition"))


CODE: tuple[Callable[[np.random.Generator], Line], ...] = (declaration, assignment, call, loop, condition)


def purpose(rng: np.random.Generator, line: Line) -> str:
    """What for: in words that the code does not have."""
    thing = line.names[int(rng.integers(2))]
    forms = (
        f"keeps the {thing} usable until {_pick(rng, _MOMENTS)}",
        f"so that the {thing} is already valid when {_pick(rng, _MOMENTS)}",
        f"prepares everything the {thing} needs before {_pick(rng, _MOMENTS)}",
    )
    return _pick(rng, forms)


def constraint(rng: np.random.Generator, line: Line) -> str:
    """A unit, a bound, a reason."""
    thing = line.names[int(rng.integers(2))]
    forms = (
        f"the {thing} is measured in {_pick(rng, _UNITS)}, because {_pick(rng, _REASONS)}",
        f"never give a {thing} beyond this many {_pick(rng, _UNITS)}: {_pick(rng, _REASONS)}",
        f"the {thing} must come first here, as {_pick(rng, _REASONS)}",
    )
    return _pick(rng, forms)


def repetition(rng: np.random.Generator, line: Line) -> str:
    words = " ".join(line.names)
    return _pick(rng, (words, f"{line.verb} {words}", f"{line.verb} the {words}", f"the {words}"))


def empty(rng: np.random.Generator, line: Line) -> str:
    return _pick(rng, _EMPTY)


def unrelated(rng: np.random.Generator, line: Line) -> str:
    return _pick(rng, _ELSEWHERE).format(place=_pick(rng, _PLACES))


def code_as_comment(rng: np.random.Generator, line: Line) -> str:
    if rng.random() < 0.3:
        return _pick(rng, _RULERS) * int(rng.integers(8, 60))
    return CODE[int(rng.integers(len(CODE)))](rng).code


USEFUL = {"purpose": purpose, "constraint": constraint}
NOT_USEFUL = {
    "repetition": repetition,
    "empty": empty,
    "unrelated": unrelated,
    "code as comment": code_as_comment,
}


def generate(count: int, seed: int) -> list[Made]:
    """`count` pairs, useful and not in turn; the same for the same seed."""
    rng, found = np.random.default_rng(seed), []
    for number in range(count):
        line = CODE[int(rng.integers(len(CODE)))](rng)
        useful = number % 2 == 0
        rules = USEFUL if useful else NOT_USEFUL
        rule = tuple(rules)[int(rng.integers(len(rules)))]
        text = rules[rule](rng, line)
        block = rng.random() < 0.5
        comment = f"/* {text} */" if block else f"// {text}"
        style = "block comment" if block else "line comment"
        used = ("token", "identifier", *line.rules, style, rule)
        found.append(Made(CommentPair(f"made-{seed}-{number}", comment, line.code, useful), used))
    return found


def coverage(made: list[Made]) -> dict[str, int]:
    """How many pairs each rule had a part in."""
    counts = dict.fromkeys(RULES, 0)
    for each in made:
        for rule in each.rules:
            counts[rule] += 1
    return counts
