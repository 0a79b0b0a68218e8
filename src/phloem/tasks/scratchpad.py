"""Questions that are answered at once or after a scratchpad (Nye et al., "Show Your Work", 2021).

The two ways share questions and answers; the units of an answer are the same in both:

    direct       question <newline>  answer
    scratchpad   question <newline>  <scratch> line <newline> line ... </scratch> answer

Units are characters and the two tags.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from phloem.corpora import scratchpad_arithmetic as arithmetic
from phloem.corpora.scratchpad_arithmetic import Worked
from phloem.corpora.scratchpad_polynomials import random_polynomial
from phloem.corpora.scratchpad_programs import straight_line
from phloem.represent.completions import Pair, Symbols

Way = Literal["direct", "scratchpad"]
OPEN, CLOSE = "<scratch>", "</scratch>"
SYMBOLS = Symbols([OPEN, CLOSE, "\n", *"0123456789", *" +-*,.:=()", *"abcdefghijklmnopqrstuvwxyz", *'C{}"_'])
MakeWorked = Callable[[np.random.Generator], Worked]


class Answered(NamedTuple):
    """What a model wrote. `scratch` is () where it wrote no whole scratchpad."""

    scratch: tuple[str, ...]
    answer: str


def pair(worked: Worked, way: Way) -> Pair:
    """A question and what is to be written after it, as units."""
    prompt = SYMBOLS.encode(f"{worked.question}\n")
    answer = SYMBOLS.encode(worked.answer)
    if way == "direct":
        return prompt, answer
    scratch = SYMBOLS.encode("\n".join(worked.scratch))
    return prompt, [SYMBOLS.ids[OPEN], *scratch, SYMBOLS.ids[CLOSE], *answer]


def answered(units: Sequence[int]) -> Answered:
    """Read what a model wrote; the answer is what follows the last closing tag."""
    units = list(units)
    opening, closing = SYMBOLS.ids[OPEN], SYMBOLS.ids[CLOSE]
    if closing not in units:
        return Answered((), "".join(SYMBOLS.decode(units)))
    end = len(units) - 1 - units[::-1].index(closing)
    start = units.index(opening) + 1 if opening in units[:end] else 0
    scratch = "".join(SYMBOLS.decode(units[start:end]))
    return Answered(tuple(scratch.split("\n")), "".join(SYMBOLS.decode(units[end + 1 :])))


def additions(least: int, most: int) -> MakeWorked:
    """Sums whose longer number has `least` to `most` digits."""
    return lambda rng: arithmetic.addition(*arithmetic.of_digits(rng, least, most))


def polynomials() -> MakeWorked:
    """Polynomials of at most degree 3."""
    return random_polynomial


def programs(changes: int) -> MakeWorked:
    """Straight-line programs of three variables; the answer is the variables at the end."""

    def make(rng: np.random.Generator) -> Worked:
        program = straight_line(rng, changes)
        states = [f"state: {json.dumps(state)}" for state in program.states]
        scratch = tuple(
            text for line, state in zip(program.lines, states, strict=True) for text in (f"line: {line}", state)
        )
        return Worked("\n".join(program.lines), scratch, states[-1])

    return make


def draw(make: MakeWorked, way: Way) -> Callable[[np.random.Generator], Pair]:
    """Questions with what is to be written, one a call."""
    return lambda rng: pair(make(rng), way)


def test_sums(digits: int, count: int, seed: int) -> list[Worked]:
    """`count` different sums whose longer number has exactly so many digits (fewer where there are not as many)."""
    rng, found = np.random.default_rng((seed, digits)), dict[str, Worked]()
    for _ in range(20 * count):
        worked = arithmetic.addition(*arithmetic.of_digits(rng, digits, digits))
        found.setdefault(worked.question, worked)
        if len(found) == count:
            break
    return list(found.values())


def test_programs(changes: int, count: int, seed: int) -> list[Worked]:
    """`count` programs of so many changes."""
    rng, make = np.random.default_rng((seed, changes, 1)), programs(changes)
    return [make(rng) for _ in range(count)]


def hits(tests: Sequence[Worked], written: Sequence[Answered]) -> np.ndarray:
    """For each test (the answer is right, the whole scratchpad is right, 1)."""
    pairs = zip(tests, written, strict=True)
    return np.array([[one.answer == got.answer, one.scratch == got.scratch, 1] for one, got in pairs], np.float64)
