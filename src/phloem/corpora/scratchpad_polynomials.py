"""Polynomials evaluated term by term.

Nye et al., "Show Your Work" (2021, section 4): degree at most 3, coefficients and places from -10 to 10; a scratch line
for each term with its value, and the total behind the closing tag:

    evaluate -7*x**2 + 7*x + 5 at x = 1
    -7*x**2: -7
    7*x: 7
    5: 5
    total: 5
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from phloem.corpora.scratchpad_arithmetic import Worked

DEGREE, MOST = 3, 10


def term(coefficient: int, power: int) -> str:
    """A term as Python writes it."""
    return f"{coefficient}" + ("" if power == 0 else "*x" if power == 1 else f"*x**{power}")


def polynomial(coefficients: Sequence[int], x: int) -> Worked:
    """The value at `x`, worked out; coefficients from the constant up, zeros left out. The zero polynomial is `0`."""
    terms = [(c, power) for power, c in enumerate(coefficients) if c][::-1] or [(0, 0)]
    text = " + ".join(term(c, power) for c, power in terms).replace("+ -", "- ")
    lines = tuple(f"{term(c, power)}: {c * x**power}" for c, power in terms)
    return Worked(f"evaluate {text} at x = {x}", lines, f"total: {sum(c * x**power for c, power in terms)}")


def random_polynomial(rng: np.random.Generator) -> Worked:
    """A degree from 0 to DEGREE, coefficients and a place from -MOST to MOST, all uniform."""
    degree = int(rng.integers(0, DEGREE + 1))
    return polynomial(rng.integers(-MOST, MOST + 1, degree + 1).tolist(), int(rng.integers(-MOST, MOST + 1)))
