"""A small proxy task for optimisers: a network of one hidden layer that reads digits, in NumPy.

Digits are drawn: 5×7 bitmaps, moved within 8×8 pixels, with noise. An optimiser program trains the network for a few
steps; its score is the loss on other digits. Sets of digits for search, selection and the final test share nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from phloem.synthesis.optimizer_dsl import Program, run

GLYPHS = (
    "01110 10001 10011 10101 11001 10001 01110",
    "00100 01100 00100 00100 00100 00100 01110",
    "01110 10001 00001 00110 01000 10000 11111",
    "11111 00010 00100 00010 00001 10001 01110",
    "00010 00110 01010 10010 11111 00010 00010",
    "11111 10000 11110 00001 00001 10001 01110",
    "00110 01000 10000 11110 10001 10001 01110",
    "11111 00001 00010 00100 01000 01000 01000",
    "01110 10001 10001 01110 10001 10001 01110",
    "01110 10001 10001 01111 00001 00010 01100",
)
SIDE, CLASSES, HIDDEN = 8, 10, 16
NOISE = 0.35


class Digits(NamedTuple):
    pixels: Float[np.ndarray, "digits pixels"]
    label: Int64[np.ndarray, " digits"]


def draw(count: int, seed: int) -> Digits:
    """So many digits; different seeds give different ones."""
    rng = np.random.default_rng((seed, 8))
    label = rng.integers(CLASSES, size=count)
    images = rng.normal(scale=NOISE, size=(count, SIDE, SIDE))
    glyphs = np.array([[[float(bit) for bit in row] for row in glyph.split()] for glyph in GLYPHS])
    for image, digit in zip(images, label, strict=True):
        row, column = rng.integers(2), rng.integers(4)
        image[row : row + 7, column : column + 5] += glyphs[digit] * rng.uniform(0.7, 1.3)
    return Digits(images.reshape(count, -1), label)


SHAPES = ((SIDE * SIDE, HIDDEN), (HIDDEN,), (HIDDEN, CLASSES), (CLASSES,))
_ENDS = np.cumsum([np.prod(shape) for shape in SHAPES])


def initial_weights(seed: int) -> Float[np.ndarray, " parameters"]:
    """He et al. (2015); biases are 0."""
    rng = np.random.default_rng((seed, 1))
    parts = [rng.normal(size=shape) * np.sqrt(2 / shape[0]) if len(shape) == 2 else np.zeros(shape) for shape in SHAPES]
    return np.concatenate([part.ravel() for part in parts])


def _parts(weights: Float[np.ndarray, " parameters"]) -> list[np.ndarray]:
    return [part.reshape(shape) for part, shape in zip(np.split(weights, _ENDS[:-1]), SHAPES, strict=True)]


def loss_and_gradient(
    weights: Float[np.ndarray, " parameters"], digits: Digits
) -> tuple[float, Float[np.ndarray, " parameters"]]:
    """Mean cross-entropy, and its gradient by hand."""
    first, first_bias, second, second_bias = _parts(weights)
    hidden = np.maximum(digits.pixels @ first + first_bias, 0)
    logits = hidden @ second + second_bias
    logits = logits - logits.max(axis=1, keepdims=True)
    log_probability = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    rows, count = np.arange(len(digits.label)), len(digits.label)
    back = np.exp(log_probability)
    back[rows, digits.label] -= 1
    back /= count
    into = back @ second.T * (hidden > 0)
    gradient = [digits.pixels.T @ into, into.sum(axis=0), hidden.T @ back, back.sum(axis=0)]
    loss = -float(log_probability[rows, digits.label].mean())
    return loss, np.concatenate([part.ravel() for part in gradient])


class Proxy:
    """Scores a program: the mean loss over starts, after `steps` steps on batches of its own digits."""

    def __init__(
        self, *, seed: int, steps: int = 60, batch: int = 32, digits: int = 500, starts: Sequence[int] = (0,), lr: float
    ) -> None:
        self.train, self.held_out = draw(digits, 2 * seed), draw(digits, 2 * seed + 1)
        self.steps, self.batch, self.starts, self.lr, self.seed = steps, batch, tuple(starts), lr, seed

    def __call__(self, program: Program) -> float:
        """Infinite where weights do not stay finite."""
        with np.errstate(all="ignore"):
            return float(np.mean([self._trained(program, start) for start in self.starts]))

    def _trained(self, program: Program, start: int) -> float:
        weights = initial_weights(start)
        m = v = np.zeros_like(weights)
        rng = np.random.default_rng((self.seed, start, 2))
        for _ in range(self.steps):
            index = rng.integers(len(self.train.label), size=self.batch)
            _, gradient = loss_and_gradient(weights, Digits(self.train.pixels[index], self.train.label[index]))
            update, m, v = run(program, weights, gradient, m, v, self.lr)
            weights = weights - update
            if not np.isfinite(weights).all():
                return float("inf")
        loss, _ = loss_and_gradient(weights, self.held_out)
        return loss if np.isfinite(loss) else float("inf")
