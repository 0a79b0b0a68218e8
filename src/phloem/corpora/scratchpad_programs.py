"""Straight-line Python over three whole numbers, for models that say what is in the variables at the end.

After the synthetic programs of Nye et al., "Show Your Work" (2021, section 5): the variables are given, then changed by
sums, differences and small products; all values stay within two digits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

NAMES = ("a", "b", "c")
LARGEST = 99
_TRIES = 100


class Program(NamedTuple):
    """Lines, and the variables after each of them."""

    lines: tuple[str, ...]
    states: tuple[dict[str, int], ...]


def straight_line(rng: np.random.Generator, changes: int) -> Program:
    """Three given numbers from 0 to 9 and so many changes."""
    values = dict(zip(NAMES, rng.integers(0, 10, len(NAMES)).tolist(), strict=True))
    lines = [f"{name} = {value}" for name, value in values.items()]
    states = [dict(list(values.items())[: number + 1]) for number in range(len(NAMES))]
    for _ in range(changes):
        line, values = _change(rng, values)
        lines.append(line)
        states.append(values)
    return Program(tuple(lines), tuple(states))


def _change(rng: np.random.Generator, values: dict[str, int]) -> tuple[str, dict[str, int]]:
    """A line that keeps every value within LARGEST, and the variables after it."""
    for _ in range(_TRIES):
        target, left, right = (NAMES[int(number)] for number in rng.integers(0, len(NAMES), 3))
        factor = int(rng.integers(2, 4))
        text, value = (
            (f"{left} + {right}", values[left] + values[right]),
            (f"{left} - {right}", values[left] - values[right]),
            (f"{left} * {factor}", values[left] * factor),
        )[int(rng.integers(3))]
        if abs(value) <= LARGEST:
            return f"{target} = {text}", {**values, target: value}
    return f"{NAMES[0]} = 0", {**values, NAMES[0]: 0}
