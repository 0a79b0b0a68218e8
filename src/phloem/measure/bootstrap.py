"""Bootstrap intervals for figures made of sums over examples (Efron and Tibshirani 1993, chapter 13: percentiles).

A micro-averaged figure is a function of sums: F1 of true positives, false positives and false negatives, BLEU of n-gram
matches and lengths. Each example has its row of addends; a resample draws as many examples as there are, with
replacement, and the figure is computed from the resampled sums. The interval is between percentiles of the figures.

Runs from several seeds on one test set are given as a stack: examples are resampled alike for all seeds, and the figure
is the mean over seeds. The interval is of the examples; that seeds differ is for the caller to show.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

# Sums, Float[... addends], to the figure, Float[...].
Figure = Callable[[np.ndarray], np.ndarray]


class Interval(NamedTuple):
    """A figure and the interval that holds it with the confidence asked for."""

    value: float
    low: float
    high: float


def interval(
    addends: Float[np.ndarray, "*seeds examples addends"],
    figure: Figure,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The percentile interval of `figure`.

    Raises:
        ValueError: there are no examples.
    """
    stack = _stack(addends)
    draws = _resampled([stack], figure, resamples, seed)[0]
    return Interval(_mean(figure, stack.sum(axis=1)), *_percentiles(draws, level))


def difference(
    left: Float[np.ndarray, "*seeds examples addends"],
    right: Float[np.ndarray, "*seeds examples addends"],
    figure: Figure,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The interval of figure(left) - figure(right) for two systems on the same examples, resampled in pairs.

    Raises:
        ValueError: there are no examples, or the systems have different numbers of them.
    """
    one, other = _stack(left), _stack(right)
    if one.shape[1] != other.shape[1]:
        raise ValueError(f"paired examples are needed, there are {one.shape[1]} and {other.shape[1]}")
    draws = _resampled([one, other], figure, resamples, seed)
    value = _mean(figure, one.sum(axis=1)) - _mean(figure, other.sum(axis=1))
    return Interval(value, *_percentiles(draws[0] - draws[1], level))


def mean(sums: np.ndarray) -> np.ndarray:
    """The figure of addends (value, 1): the mean value."""
    return sums[..., 0] / sums[..., 1]


def with_count(values: Float[np.ndarray, " examples"]) -> Float[np.ndarray, "examples 2"]:
    """The addends of a mean over examples."""
    values = np.asarray(values, dtype=np.float64)
    return np.stack([values, np.ones_like(values)], axis=1)


def _stack(addends: np.ndarray) -> Float[np.ndarray, "seeds examples addends"]:
    stack = np.asarray(addends, dtype=np.float64)
    stack = stack[None] if stack.ndim == 2 else stack
    if stack.ndim != 3 or stack.shape[1] == 0:
        raise ValueError(f"addends of at least one example are needed, their shape is {np.shape(addends)}")
    return stack


def _mean(figure: Figure, sums: Float[np.ndarray, "seeds addends"]) -> float:
    return float(np.mean(figure(sums)))


def _resampled(stacks: list[np.ndarray], figure: Figure, resamples: int, seed: int) -> list[np.ndarray]:
    """For each stack, the mean figure of each resample; all stacks see the same draws."""
    count = stacks[0].shape[1]
    rng = np.random.default_rng(seed)
    sums = [np.empty((resamples, stack.shape[0], stack.shape[2])) for stack in stacks]
    for number in range(resamples):
        times = np.bincount(rng.integers(0, count, count), minlength=count).astype(np.float64)
        for stack, kept in zip(stacks, sums, strict=True):
            kept[number] = times @ stack
    return [figure(kept).mean(axis=1) for kept in sums]


def _percentiles(draws: np.ndarray, level: float) -> tuple[float, float]:
    low, high = np.percentile(draws, [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high)
