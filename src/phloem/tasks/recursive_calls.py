"""Sums, parities and choices for models that answer at once, by a scratchpad, or by calling themselves.

The tasks and baselines of Pasewark et al., "Re-Tuning" (ACL 2024, section 4). All three ways share questions; units
are characters. The scratchpad of a sum is that of Nye et al. (2021), of a parity the running exclusive or from the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from phloem.corpora import recursion_calls as calls
from phloem.corpora import scratchpad_arithmetic
from phloem.corpora.recursion_calls import Context, Piece
from phloem.decode.recursive_calls import Complete, solve
from phloem.represent.completions import Pair, Symbols

Way = Literal["calls", "scratchpad", "direct"]
Kind = Literal["addition", "parity", "choice"]
SYMBOLS = Symbols(calls.CHARACTERS)
MAKE: dict[Kind, Callable[[np.random.Generator, int], Context]] = {
    "addition": calls.random_addition,
    "parity": calls.random_parity,
    "choice": calls.random_choice,
}
THEN = calls.ANSWER  # between a scratchpad and the answer


def written_at_once(context: Context, kind: Kind, way: Way) -> Piece:
    """A whole problem with its answer, with its steps in front of it for a scratchpad."""
    prompt = context.problem + calls.SOLUTION
    if way == "direct":
        return Piece(prompt, context.answer)
    if kind == "addition":
        left, right = context.problem.split(" + ")
        lines = scratchpad_arithmetic.lines(left, right)
    else:
        lines = tuple(each.answer for each in reversed(calls.contexts(context)))
    return Piece(prompt, "\n".join(lines) + THEN + context.answer)


def draw(kind: Kind, way: Way, largest: int) -> Callable[[np.random.Generator], Pair]:
    """Training pairs of problems up to a size; all sizes are equally likely in every way."""

    def drawn(rng: np.random.Generator) -> Pair:
        if way == "calls":
            return encoded(calls.balanced_piece(rng, MAKE[kind], largest))
        return encoded(written_at_once(MAKE[kind](rng, int(rng.integers(1, largest + 1))), kind, way))

    return drawn


def encoded(piece: Piece) -> Pair:
    """A training pair as ids."""
    return SYMBOLS.encode(piece.prompt), SYMBOLS.encode(piece.completion)


def tests(kind: Kind, size: int, count: int, seed: int) -> list[Context]:
    """`count` problems of one size."""
    rng = np.random.default_rng((seed, size))
    return [MAKE[kind](rng, size) for _ in range(count)]


def answers(complete: Complete, way: Way, asked: Sequence[Context], size: int) -> list[str | None]:
    """What a model says: through its calls, or behind its scratchpad, or at once."""
    if way == "calls":
        return [one.answer for one in solve(complete, [each.problem for each in asked], limit=2 * size)]
    written = complete([each.problem + calls.SOLUTION for each in asked])
    return [text.rpartition(THEN)[2] if way == "scratchpad" else text for text in written]


def hits(asked: Sequence[Context], given: Sequence[str | None]) -> np.ndarray:
    """For each problem (1 if the answer is right, 1)."""
    return np.array([[one.answer == answer, 1] for one, answer in zip(asked, given, strict=True)], np.float64)
