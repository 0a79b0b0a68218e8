"""Random expressions, uniform over tree shapes.

Lample and Charton, "Deep Learning for Symbolic Mathematics" (ICLR 2020, appendix C). D(e, n) counts the ways to grow
n operators from e empty nodes, with L kinds of leaves, p1 of unary operators and p2 of binary ones:

    D(0, n) = 0      D(e, 0) = L^e      D(e, n) = L D(e-1, n) + p1 D(e, n-1) + p2 D(e+1, n-1)

The first empty node becomes a leaf, a unary or a binary operator. So the next operator, of arity a, stands behind k
leaves with the probability

    P(k, 1) = L^k p1 D(e-k, n-1) / D(e, n)         P(k, 2) = L^k p2 D(e-k+1, n-1) / D(e, n)         k = 0 .. e-1

As in the released code p1 = p2 = 1 whatever the number of operators, and kinds are drawn afterwards by weight.
Expressions are in prefix notation; a number is its sign and its digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

# Weights of the released data generator.
BINARY = {"add": 10.0, "sub": 3.0, "mul": 10.0, "div": 5.0}
UNARY = {
    **{"sqrt": 4.0, "pow2": 4.0, "pow3": 2.0, "pow4": 1.0, "pow5": 1.0, "ln": 4.0, "exp": 4.0},
    **{"sin": 4.0, "cos": 4.0, "tan": 4.0},
    **dict.fromkeys(("asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"), 1.0),
}
VARIABLE_SHARE = 0.75  # of leaves; the others are numbers


@dataclass(frozen=True)
class TreeCounts:
    """How many trees there are, for L kinds of leaves, p1 of unary and p2 of binary operators; exact."""

    leaves: int = 1
    unary: int = 1
    binary: int = 1
    _known: dict[tuple[int, int], int] = field(default_factory=dict, compare=False, repr=False)

    def __call__(self, empty: int, operators: int) -> int:
        """D(empty, operators)."""
        if empty == 0:
            return 0
        if operators == 0:
            return self.leaves**empty
        key = empty, operators
        if key not in self._known:
            self._known[key] = (
                self.leaves * self(empty - 1, operators)
                + self.unary * self(empty, operators - 1)
                + self.binary * self(empty + 1, operators - 1)
            )
        return self._known[key]

    def draws(self, empty: int, operators: int) -> Float[np.ndarray, "leaves 2"]:
        """P(k, arity), k = 0 .. empty - 1 leaves before the next operator, arity 1 and 2."""
        total = self(empty, operators)
        return np.array(
            [
                [
                    self.leaves**k * self.unary * self(empty - k, operators - 1) / total,
                    self.leaves**k * self.binary * self(empty - k + 1, operators - 1) / total,
                ]
                for k in range(empty)
            ]
        )


@lru_cache(maxsize=4096)
def _cumulative(counts: tuple[int, int, int], empty: int, operators: int) -> Float[np.ndarray, "draws"]:
    return TreeCounts(*counts).draws(empty, operators).flatten().cumsum()


def random_shape(rng: np.random.Generator, operators: int, counts: TreeCounts) -> tuple[int, ...]:
    """The arities of a random tree's nodes in prefix order, 0 for leaves; uniform over trees."""
    shape: list[int] = []
    empty, kinds = 1, (counts.leaves, counts.unary, counts.binary)
    for left in range(operators, 0, -1):
        draws = _cumulative(kinds, empty, left)
        drawn = min(int(np.searchsorted(draws, rng.random(), side="right")), len(draws) - 1)
        skipped, arity = drawn // 2, 1 + drawn % 2
        shape += [0] * skipped + [arity]
        empty += arity - skipped - 1
    return (*shape, *[0] * empty)


class Kinds(NamedTuple):
    """What may stand at nodes: operators with their weights, and leaves, `variables` and whole numbers up to `largest`
    (and their negatives where `signed`)."""

    binary: Mapping[str, float] = BINARY
    unary: Mapping[str, float] = UNARY
    variables: tuple[str, ...] = ("x",)
    largest: int = 5
    signed: bool = False


def random_expression(
    rng: np.random.Generator, operators: int, kinds: Kinds, counts: TreeCounts | None = None
) -> tuple[str, ...]:
    """An expression of so many operators in prefix notation."""
    counts = counts or TreeCounts()
    found: list[str] = []
    for arity in random_shape(rng, operators, counts):
        if arity == 0:
            found += _leaf(rng, kinds)
        else:
            found.append(_weighted(rng, kinds.unary if arity == 1 else kinds.binary))
    return tuple(found)


def number_tokens(value: int) -> list[str]:
    """A sign and the digits."""
    return ["INT+" if value >= 0 else "INT-", *str(abs(value))]


def _leaf(rng: np.random.Generator, kinds: Kinds) -> list[str]:
    if rng.random() < VARIABLE_SHARE:
        return [kinds.variables[int(rng.integers(len(kinds.variables)))]]
    value = int(rng.integers(1, kinds.largest + 1))
    return number_tokens(-value if kinds.signed and rng.random() < 0.5 else value)


def _weighted(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    """A key, as likely as its weight."""
    cumulative = np.cumsum(list(weights.values()))
    return list(weights)[int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))]
