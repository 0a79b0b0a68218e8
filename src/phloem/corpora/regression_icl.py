"""Linear regression told in a sequence: x_1, y_1, x_2, y_2, … with new weights for each sequence.

Akyürek et al., "What learning algorithm is in-context learning? Investigations with linear models" (ICLR 2023, section
4): x_i ~ N(0, I), w ~ N(0, τ² I), y_i = w·x_i + ε, ε ~ N(0, σ²). x and y are tokens of their own, of width d + 1:
[0; x] and [y; 0].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Regressions(NamedTuple):
    """Examples of several tasks, and the weights that made them."""

    x: Float[np.ndarray, "tasks examples d"]
    y: Float[np.ndarray, "tasks examples"]
    w: Float[np.ndarray, "tasks d"]


def draw(
    rng: np.random.Generator, tasks: int, examples: int, d: int, *, noise: float = 0.0, scale: float = 1.0
) -> Regressions:
    """`noise` is σ and `scale` is τ."""
    x = rng.normal(size=(tasks, examples, d))
    w = scale * rng.normal(size=(tasks, d))
    y = np.einsum("tnd,td->tn", x, w) + noise * rng.normal(size=(tasks, examples))
    return Regressions(x, y, w)


def as_tokens(
    x: Float[np.ndarray, "tasks examples d"], y: Float[np.ndarray, "tasks examples"]
) -> Float[np.ndarray, "tasks places width"]:
    """The sequences x_1, y_1, x_2, y_2, …"""
    tasks, examples, d = x.shape
    tokens = np.zeros((tasks, 2 * examples, d + 1))
    tokens[:, 0::2, 1:] = x
    tokens[:, 1::2, 0] = y
    return tokens
