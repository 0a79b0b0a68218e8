"""Programs for symbols: strings of pieces, and arithmetic by recursion, found in order of size.

Li et al. (ICLR 2024) leave this search to DreamCoder's enumeration over λ-terms: cons, car, cdr, append and constants
for lists; 0, inc, dec, a test for zero and the Y combinator for numbers. The same functions are reached here by two
smaller spaces, each searched smallest first.

**Lists.** A program is a concatenation of pieces: arguments, their first or last letter, what is left without these,
their reverse, and constant letters. All examples are read from left to right at once; a state is how far each has been
read, so that a breadth-first search finds a shortest program and never meets a state twice.

**Numbers.** f is a term over its arguments, or recursive:

    f(a, b) = if a = 0 then base else step(f(g(a, b), b), a, b)

with base, g and step terms of 0, inc, dec, arguments, f's own result, and the programs found for other symbols.

Arguments that are not given are the empty list, or 0.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from random import Random
from typing import NamedTuple

from phloem.synthesis.grounded_symbols import MISSING, Arguments, Program, Value, accuracy

Letters = tuple[str, ...]
SHOWN = 3  # examples that a search for lists reads at once: few, since some may be wrong
TRIES = 12  # draws of them
STATES = 3000
LARGEST = 100_000
STEPS = 2_000  # of a recursion


class Piece(NamedTuple):
    """A part of a list program: its text, and what it is of the arguments."""

    text: str
    of: Callable[[tuple[Letters, ...]], Letters]


def _pieces(arity: int, constants: Sequence[str]) -> list[Piece]:
    edits: dict[str, Callable[[Letters], Letters]] = {
        "{}": lambda x: x,
        "rest({})": lambda x: x[1:],
        "most({})": lambda x: x[:-1],
        "first({})": lambda x: x[:1],
        "last({})": lambda x: x[-1:],
        "middle({})": lambda x: x[1:-1],
        "end({})": lambda x: x[-1:] if len(x) > 1 else (),
        "reverse({})": lambda x: x[::-1],
    }

    def edited(edit: Callable[[Letters], Letters], number: int) -> Callable[[tuple[Letters, ...]], Letters]:
        return lambda given: edit(given[number])

    def constant(letter: str) -> Callable[[tuple[Letters, ...]], Letters]:
        return lambda _: (letter,)

    found = [
        Piece(text.format(f"x{number}"), edited(edit, number))
        for text, edit in edits.items()
        for number in range(arity)
    ]
    return found + [Piece(repr(letter), constant(letter)) for letter in constants]


def lists(examples: Mapping[Arguments, Value], library: Sequence[Program], rng: Random) -> Program | None:
    """The best of the shortest list programs for a few draws of the examples; None where none fits any draw."""
    rows = [(given, value) for given, value in examples.items() if isinstance(value, tuple)]
    if not rows:
        return None
    arity = max(len(given) for given, _ in rows)
    best: Program | None = None
    for _ in range(TRIES):
        found = _concatenation(rng.sample(rows, min(SHOWN, len(rows))), arity)
        if found is not None and accuracy(found, examples) > accuracy(best, examples):
            best = found
        if accuracy(best, examples) == 1:
            break
    return best


def _concatenation(rows: Sequence[tuple[Arguments, tuple[str, ...]]], arity: int) -> Program | None:
    given = [_padded(arguments, arity) for arguments, _ in rows]
    targets = [value for _, value in rows]
    shared = set(targets[0]).intersection(*map(set, targets))
    pieces = _pieces(arity, sorted(shared))
    written = [[piece.of(each) for each in given] for piece in pieces]
    start, end = (0,) * len(rows), tuple(map(len, targets))
    before: dict[tuple[int, ...], tuple[tuple[int, ...], int] | None] = {start: None}
    queue = deque([start])
    while queue and end not in before and len(before) < STATES:
        state = queue.popleft()
        for number, parts in enumerate(written):
            after = tuple(place + len(part) for place, part in zip(state, parts, strict=True))
            if after not in before and all(
                target[place : place + len(part)] == part
                for target, place, part in zip(targets, state, parts, strict=True)
            ):
                before[after] = state, number
                queue.append(after)
    if end not in before:
        return None
    chosen, step = [], before[end]
    while step is not None:
        chosen.append(pieces[step[1]])
        step = before[step[0]]
    return _joined(chosen[::-1], arity)


def _joined(chosen: Sequence[Piece], arity: int) -> Program:
    def call(given: Arguments) -> Value:
        if len(given) > arity or not all(isinstance(each, tuple) for each in given):
            return MISSING
        padded = _padded(given, arity)
        found: list[str] = []
        for piece in chosen:
            found += piece.of(padded)
            if len(found) > LARGEST:
                return MISSING
        return tuple(found)

    return Program(" ++ ".join(piece.text for piece in chosen) or "[]", arity, call)


def _padded(given: Arguments, arity: int) -> tuple[Letters, ...]:
    lists_ = tuple(each if isinstance(each, tuple) else () for each in given)
    return (*lists_, *([()] * (arity - len(given))))


class Term(NamedTuple):
    """A number as a function of numbers; None where it has none."""

    text: str
    of: Callable[[tuple[int, ...]], int | None]


def numbers(examples: Mapping[Arguments, Value], library: Sequence[Program], rng: Random) -> Program | None:
    """The first program, by size, that gives the most examples; stops at one that gives all."""
    rows = {given: value for given, value in examples.items() if isinstance(value, int)}
    if not rows:
        return None
    arity = max(map(len, rows))
    best: Program | None = None
    share = 0.0
    shown = dict(rng.sample(sorted(rows.items(), key=repr), min(40, len(rows))))
    for term in (*_constants(), *_terms(_names(arity), library, 2), *_recursions(arity, library)):
        program = _numeric(term, arity)
        found = accuracy(program, shown)
        if found > share:
            best, share = program, found
            if share == 1 and accuracy(program, rows) == 1:
                break
    return best


def _constant(number: int) -> Callable[[tuple[int, ...]], int | None]:
    return lambda _: number


def _names(arity: int) -> list[str]:
    return [f"x{number}" for number in range(arity)]


def _constants() -> Iterator[Term]:
    for number in range(21):
        yield Term("inc(" * number + "0" + ")" * number, _constant(number))


def _terms(names: Sequence[str], library: Sequence[Program], depth: int) -> list[Term]:
    """Terms over named places of at most so many applications, smaller ones first."""
    levels = [[Term("0", lambda _: 0), *(Term(name, _place(i)) for i, name in enumerate(names))]]
    for _ in range(depth - 1):
        inner = levels[-1]
        new = [Term(f"inc({t.text})", _unary(t, 1)) for t in inner] + [
            Term(f"dec({t.text})", _unary(t, -1)) for t in inner
        ]
        for program in library:
            if program.arity == 2:
                new += [
                    Term(f"[{program.text}]({one.text}, {other.text})", _called(program, one, other))
                    for one, other in product(inner, repeat=2)
                ]
        levels.append(new)
    return [term for level in levels for term in level]


def _place(number: int) -> Callable[[tuple[int, ...]], int | None]:
    return lambda given: given[number]


def _unary(term: Term, change: int) -> Callable[[tuple[int, ...]], int | None]:
    def of(given: tuple[int, ...]) -> int | None:
        value = term.of(given)
        return None if value is None else max(0, value + change)

    return of


def _called(program: Program, one: Term, other: Term) -> Callable[[tuple[int, ...]], int | None]:
    def of(given: tuple[int, ...]) -> int | None:
        left, right = one.of(given), other.of(given)
        if left is None or right is None:
            return None
        value = program.call((left, right))
        return value if isinstance(value, int) else None

    return of


def _recursions(arity: int, library: Sequence[Program]) -> Iterator[Term]:
    """Recursive functions of two numbers."""
    if arity != 2:
        return
    bases, smaller = _terms(_names(2), (), 1), _terms(_names(2), library, 2)[3:]
    steps = [term for term in _terms(["f", "x0", "x1"], library, 2) if "f" in term.text]
    for number in range(2):
        for base, less, step in product(bases, smaller, steps):
            yield Term(
                f"rec(if x{number} = 0 then {base.text} else let f = rec with x{number} := {less.text} in {step.text})",
                _recursive(number, base, less, step),
            )


def _recursive(number: int, base: Term, less: Term, step: Term) -> Callable[[tuple[int, ...]], int | None]:
    def of(given: tuple[int, ...]) -> int | None:
        seen = [given]
        while seen[-1][number] != 0:
            value = less.of(seen[-1])
            if value is None or value >= seen[-1][number] or len(seen) > STEPS:
                return None  # it would not end
            seen.append((*seen[-1][:number], value, *seen[-1][number + 1 :]))
        result = base.of(seen.pop())
        while seen and result is not None:
            result = step.of((result, *seen.pop()))
            if result is not None and result > LARGEST:
                return None
        return result

    return of


def _numeric(term: Term, arity: int) -> Program:
    def call(given: Arguments) -> Value:
        if len(given) > arity or not all(isinstance(each, int) for each in given):
            return MISSING
        value = term.of(tuple(each for each in (*given, *([0] * (arity - len(given)))) if isinstance(each, int)))
        return MISSING if value is None else value

    return Program(term.text, arity, call)
