"""The pattern task: a hidden block of colours is pasted where the input has its one mark.

A task's program is a pattern, p × p cells of the colours 1 to k; with a density below 1 each cell is empty with the
complementary probability. An example's input is a grid of zeros with a single 1 at a random place; its output is zeros
with the pattern there, the mark being its upper left corner. Source: Macfarlane, Bonnet: Searching Latent Program
Spaces (2024), section 5.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64


class Grids(NamedTuple):
    """Tasks of pairs of grids, all of the canvas' size, with the patterns that are hidden in them."""

    inputs: Int64[np.ndarray, "tasks pairs rows columns"]
    outputs: Int64[np.ndarray, "tasks pairs rows columns"]
    patterns: Int64[np.ndarray, "tasks size size"]


def patterns(
    rng: np.random.Generator, count: int, *, size: int = 4, colours: int = 9, density: float = 1.0
) -> Int64[np.ndarray, "count size size"]:
    """Random patterns."""
    drawn = rng.integers(1, colours + 1, (count, size, size))
    return drawn * (rng.random(drawn.shape) < density)


def grids(
    rng: np.random.Generator, hidden: Int64[np.ndarray, "tasks size size"], pairs: int, *, canvas: int = 10
) -> Grids:
    """`pairs` examples of each pattern at places of their own."""
    tasks, size = hidden.shape[:2]
    at = rng.integers(0, canvas - size + 1, (2, tasks, pairs))
    inputs = np.zeros((tasks, pairs, canvas, canvas), np.int64)
    task, pair = np.ogrid[:tasks, :pairs]
    inputs[task, pair, at[0], at[1]] = 1
    outputs = np.zeros_like(inputs)
    row, column = np.ogrid[:size, :size]
    outputs[
        task[:, :, None, None],
        pair[:, :, None, None],
        at[0][:, :, None, None] + row,
        at[1][:, :, None, None] + column,
    ] = hidden[:, None]
    return Grids(inputs, outputs, hidden)
