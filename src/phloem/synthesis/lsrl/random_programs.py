"""Random LSRL programs with every kind of variable, to compare compilers with the language's meaning."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from phloem.synthesis.lsrl.variables import (
    Concat,
    Input,
    Linear,
    LinState,
    Multiplicative,
    Number,
    ReLU,
    Variable,
)

WEIGHTS: list[Number] = [0, 0, 1, -1, 2, Fraction(1, 2), Fraction(-2, 3)]
MOST_PRODUCTS = 2  # values grow with each as they do with nothing else


class RandomProgram(NamedTuple):
    inputs: int
    output: Variable


def random_program(rng: np.random.Generator, *, large: Number | None = None) -> RandomProgram:
    """A graph of 4 to 9 variables of one or two elements each; `large` is one more weight to draw."""
    known: list[Variable] = [Input(int(rng.integers(1, 3)))]
    for _ in range(int(rng.integers(3, 9))):
        known.append(_random_variable(rng, known, large))
    joined = Concat(*known[-2:])
    return RandomProgram(known[0].size, Linear(joined, _matrix(rng, 1, joined.size, None)))


def _random_variable(rng: np.random.Generator, known: list[Variable], large: Number | None) -> Variable:
    parent, size, kind = known[rng.integers(len(known))], int(rng.integers(1, 3)), rng.integers(6)
    if kind == 0:
        return Linear(parent, _matrix(rng, size, parent.size, large), _matrix(rng, 1, size, None)[0])
    if kind == 1:
        transition = [[Fraction(int(rng.integers(-2, 3)), 2) for _ in range(size)] for _ in range(size)]
        initial, bias = _matrix(rng, 2, size, None)
        return LinState(parent, transition, _matrix(rng, size, parent.size, None), initial, bias)
    if kind == 2:
        return Concat(parent, known[rng.integers(len(known))])
    if kind == 3:
        return parent[:1]
    if kind == 4 and sum(isinstance(one, Multiplicative) for one in known) < MOST_PRODUCTS:
        return Multiplicative(Concat(parent, parent))
    return ReLU(parent)


def _matrix(rng: np.random.Generator, rows: int, columns: int, large: Number | None) -> list[list[Number]]:
    choices = WEIGHTS if large is None else [*WEIGHTS, large]
    return [[choices[rng.integers(len(choices))] for _ in range(columns)] for _ in range(rows)]
