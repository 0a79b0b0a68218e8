"""What LSRL programs are written with: steps, comparisons, logic, conditions and counters.

Petrov et al. (NeurIPS 2024, section 3.3, appendix). Truth is 0 or 1. A step rises from 0 to 1 between 0 and 1/scale;
where whole numbers are compared, thresholds lie halfway between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from phloem.synthesis.lsrl.variables import (
    Concat,
    Linear,
    LinState,
    LsrlError,
    Matrix,
    Multiplicative,
    Number,
    ReLU,
    Variable,
    identity,
    zeros,
)

SCALE = 1000
LARGE = 10_000
"""Of ReLU conditions: just above the range of values. The release takes 1e10, which float64 and noise bear worse."""


def constant(like: Variable, values: Sequence[Number]) -> Variable:
    """The same vector at each step; `like` is any variable."""
    return Linear(like, zeros(len(values), like.size), values)


def spread(scalar: Variable, size: int) -> Variable:
    """One number, `size` times."""
    return Linear(scalar, np.ones((size, scalar.size), dtype=int))


def total(vector: Variable) -> Variable:
    return Linear(vector, np.ones((1, vector.size), dtype=int))


def step(x: Variable, scale: int = SCALE) -> Variable:
    """0 for x <= 0, 1 for x >= 1/scale, a ramp between."""
    return ReLU(x * scale) - ReLU(x * scale - 1)


def larger(x: Variable, y: Variable | Number, scale: int = SCALE) -> Variable:
    """x > y, up to 1/scale."""
    return step(x - y, scale)


def smaller(x: Variable, y: Variable | Number, scale: int = SCALE) -> Variable:
    """x < y, up to 1/scale."""
    return step(y - x, scale)


def bump(x: Variable, low: Variable | Number, high: Variable | Number, scale: int = SCALE) -> Variable:
    """low < x <= high: 0 at `low`, 1 from low + 1/scale to `high`, 0 from high + 1/scale."""
    return step(x - low, scale) - step(x - high, scale)


def equal(x: Variable, y: Variable | Number, scale: int = SCALE) -> Variable:
    """1 where x = y exactly, 0 where they differ by 1/scale or more."""
    return step(1 - (step(x - y, scale) + step(y - x, scale)), scale)


def near(x: Variable, y: Variable | Number, scale: int = SCALE) -> Variable:
    """|x - y| < 1/2: equality of whole numbers."""
    return both(larger(x, y - Fraction(1, 2), scale), smaller(x, y + Fraction(1, 2), scale), scale)


def negated(x: Variable) -> Variable:
    return 1 - x


def both(x: Variable, y: Variable, scale: int = SCALE) -> Variable:
    """x and y."""
    return ReLU(step(x, scale) + step(y, scale) - 1)


def either(x: Variable, y: Variable, scale: int = SCALE) -> Variable:
    """x or y."""
    return step(x + y, scale)


def counter(like: Variable, first: int = 0) -> Variable:
    """first, first + 1, …"""
    return LinState(constant(like, [1]), [[1]], [[1]], [first - 1])


def modulo_counter(like: Variable, divisor: int, scale: int = SCALE) -> Variable:
    """0, 1, …, divisor - 1, 0, …: a vector in the plane is turned by 2π/divisor each step, and its products with the
    `divisor` directions are compared with cos(π/divisor). The turn is in float64, so its exact value is near."""
    angle = 2 * np.pi / divisor

    def turn(times: int) -> Any:
        cos, sin = np.cos(times * angle), np.sin(times * angle)
        return np.array([[cos, -sin], [sin, cos]])

    start = np.array([1.0, 0.0])
    cycle = LinState(like, turn(1), zeros(2, like.size), turn(-1) @ start)
    products = Linear(cycle, np.array([turn(times) @ start for times in range(divisor)]))
    one_hot = larger(products, float(np.cos(angle / 2)), scale)
    return Linear(one_hot, [list(range(divisor))])


def shift_buffer(x: Variable, size: int) -> Variable:
    """The last `size` values of a number, the oldest first."""
    shift: Matrix = zeros(size, size)
    shift[np.arange(size - 1), np.arange(1, size)] = 1
    return LinState(x, shift, [[0]] * (size - 1) + [[1]])


CONDITIONALS = ("direct", "optimised", "multiplicative", "multiplicative optimised")


class Conditional:
    """`values` where a condition holds, else 0, in one of the ways of the paper.

    direct                    two branches of ReLUs that a large constant switches off, the other branch being 0
    optimised                 one branch
    multiplicative            two branches, each times its condition
    multiplicative optimised  one branch times its condition
    """

    def __init__(self, form: str, large: Number = LARGE) -> None:
        if form not in CONDITIONALS:
            raise LsrlError(f"unknown conditional {form!r}: take one of {', '.join(CONDITIONALS)}")
        self.form, self.large = form, large

    def __call__(self, condition: Variable, values: Variable, *, positive: bool = False) -> Variable:
        """`condition` has one number, or one for each of the values; `positive` says that these are never below 0."""
        if condition.size != values.size:
            condition = spread(condition, values.size)
        if self.form == "multiplicative optimised":
            return Multiplicative(Concat(condition, values))
        if self.form == "multiplicative":
            nothing = values * 0
            pairs = Multiplicative(Concat(condition, negated(condition), values, nothing))
            return Linear(pairs, np.hstack([identity(values.size)] * 2))
        if self.form == "optimised":
            return self._branch(condition, values, positive)
        return self._branch(condition, values, False) + self._branch(negated(condition), values * 0, False)

    def _branch(self, condition: Variable, values: Variable, positive: bool) -> Variable:
        off = negated(condition) * -self.large
        through = ReLU(off + values)
        return through if positive else through - ReLU(off - values)
