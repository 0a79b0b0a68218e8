"""Three families of tasks for in-context learners: lines, sums of sines, and Mastermind.

Elmoznino et al., "In-context learning and Occam's razor" (ICML 2025, appendix; as released):

    linear       x ~ N(0, I_3), y = w·x + b + ε; weights and bias ~ N(0, 1) / √(3 + 1), ε ~ N(0, 0.2²)
    sinusoid     x ~ N(0, 1), y = Σ_k a_k sin(f_k x); three f_k ~ U(0, 5) shared by all tasks, a_k ~ U(0, 1), no noise
    mastermind   a secret of 8 places and 6 colours, of which the last one is never in the secret; x is a guess of all
                 six colours, y how many places are right and how many colours are common (right places included),
                 each one of 0 … 8

Two ways to other inputs, with labels of the true function and no noise: shifted and scaled, mean + 2 + 3 (x - mean),
and bimodal, where x below the mean becomes min + mean - x and others max + mean - x, so that mass moves from the middle
to the edges.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int64

DIMENSIONS, NOISE = 3, 0.2
FREQUENCIES, HIGHEST = 3, 5.0
PLACES, COLOURS = 8, 6
Shift = Literal["none", "shift-scale", "bimodal"]


class Points(NamedTuple):
    """Tasks of points. `clean` is y without noise."""

    x: Float[np.ndarray, "tasks points inputs"]
    y: Float[np.ndarray, "tasks points outputs"]
    clean: Float[np.ndarray, "tasks points outputs"]


class Family(NamedTuple):
    inputs: int
    outputs: int
    draw: Callable[..., Points]  # (rng, tasks, points, shift)


def shifted(x: Float[np.ndarray, "tasks points d"], shift: Shift) -> Float[np.ndarray, "tasks points d"]:
    """Inputs of another distribution, task by task and dimension by dimension."""
    if shift == "none":
        return x
    mean = x.mean(axis=1, keepdims=True)
    if shift == "shift-scale":
        return mean + 2 + 3 * (x - mean)
    low, high = x.min(axis=1, keepdims=True), x.max(axis=1, keepdims=True)
    return np.where(x < mean, low + mean - x, high + mean - x)


def linear(rng: np.random.Generator, tasks: int, points: int, shift: Shift = "none") -> Points:
    """Noise is for inputs of the distribution itself only."""
    x = shifted(rng.normal(size=(tasks, points, DIMENSIONS)), shift)
    w, b = rng.normal(size=(tasks, DIMENSIONS)) / 2, rng.normal(size=(tasks, 1)) / 2
    clean = np.einsum("tpd,td->tp", x, w) + b
    noise = NOISE * rng.normal(size=clean.shape) if shift == "none" else 0.0
    return Points(x, (clean + noise)[:, :, None], clean[:, :, None])


def sinusoid(rng: np.random.Generator, tasks: int, points: int, shift: Shift = "none") -> Points:
    frequencies = np.random.default_rng(0).uniform(0, HIGHEST, FREQUENCIES)
    x = shifted(rng.normal(size=(tasks, points, 1)), shift)
    amplitudes = rng.uniform(size=(tasks, 1, FREQUENCIES))
    y = (amplitudes * np.sin(frequencies * x)).sum(axis=2, keepdims=True)
    return Points(x, y, y)


def answers(
    secret: Int64[np.ndarray, "*tasks places"], guess: Int64[np.ndarray, "*tasks places"]
) -> tuple[Int64[np.ndarray, "*tasks"], Int64[np.ndarray, "*tasks"]]:
    """Right places, and the colours in common: the smaller count of each, summed."""
    colours = np.arange(COLOURS)
    counts = [(one[..., None] == colours).sum(axis=-2) for one in (secret, guess)]
    return (secret == guess).sum(axis=-1), np.minimum(*counts).sum(axis=-1)


def mastermind(rng: np.random.Generator, tasks: int, points: int, shift: Shift = "none") -> Points:
    """x is 48 numbers, y 18. Raises ValueError for shifted inputs: a guess is a guess."""
    if shift != "none":
        raise ValueError("guesses can't be shifted")
    secret = rng.integers(0, COLOURS - 1, (tasks, 1, PLACES))
    guess = rng.integers(0, COLOURS, (tasks, points, PLACES))
    right, common = answers(np.broadcast_to(secret, guess.shape), guess)
    y = np.concatenate([np.eye(PLACES + 1)[right], np.eye(PLACES + 1)[common]], axis=2)
    return Points(np.eye(COLOURS)[guess].reshape(tasks, points, -1), y, y)


FAMILIES = {
    "linear": Family(DIMENSIONS, 1, linear),
    "sinusoid": Family(1, 1, sinusoid),
    "mastermind": Family(PLACES * COLOURS, 2 * (PLACES + 1), mastermind),
}
