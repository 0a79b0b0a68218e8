"""Numeric black boxes of FIND: base functions, sums and products of them, noise, and corrupted regions.

Schwettmann et al., "FIND: A Function Interpretation Benchmark for Evaluating Interpretability Methods" (NeurIPS 2023,
datasets and benchmarks). 85% of the functions are simple and 15% the sum or the product of two; parameters have one
decimal. A black box may add noise, and may be corrupted where x ≤ a, x ≥ a or a < x < b (in half of the cases, with
b - a from 5 to 25): there it gives draws from N(mean of the function on its domain, 0.1²). What a box gives at x is a
function of its seed and x: two calls agree. The first 15% of a set are replaced by a network of one hidden layer of 64
ReLUs fitted to the function; here its knots are random and its output layer is a least squares solution, in place of
training by gradients. Functions that are 0 wherever they are scored are drawn again.

The published parameters of the numeric part (`published`) name each family and its numbers; forms follow from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from phloem.corpora.datasets import load

Values = Float[np.ndarray, " points"]
Noise = Literal["none", "uniform", "normal"]
COMPOSED, APPROXIMATED = 0.15, 0.15
HIDDEN = 64
SPREAD = 0.1  # standard deviation inside of a corrupted region
POINTS = np.arange(-128, 128) + 0.5
"""Where functions are scored."""


class Region(NamedTuple):
    """x ≤ high, x ≥ low, or low < x < high, by which of the two is finite."""

    low: float
    high: float

    def holds(self, x: Values) -> np.ndarray:
        if np.isneginf(self.low):
            return x <= self.high
        return x >= self.low if np.isposinf(self.high) else (x > self.low) & (x < self.high)


class NumericFunction(NamedTuple):
    """`clean` is what is to be found; calling gives what can be seen."""

    name: str
    clean: Callable[[Values], Values]
    domain: tuple[float, float]
    noise: Noise = "none"
    scale: float = 1.0
    region: Region | None = None
    mean: float = 0.0  # inside of the region
    seed: int = 0

    def __call__(self, x: Values) -> Values:
        """NaN and infinities where the function is not defined."""
        with np.errstate(all="ignore"):
            y = np.array(self.clean(np.asarray(x, float)), float)
        if self.noise != "none":
            y = y + self.scale * self._draws(x, "noise")
        if self.region is not None:
            inside = self.region.holds(x)
            y[inside] = self.mean + SPREAD * self._draws(x[inside], "region", "normal")
        return y

    def _draws(self, x: Values, what: str, kind: Noise | None = None) -> Values:
        """One number for each x, of deviation 1 or uniform in -1 … 1."""
        made = []
        for value in x:
            key = hashlib.sha256(f"{self.seed} {self.name} {what} {float(value)!r}".encode()).digest()
            rng = np.random.default_rng(int.from_bytes(key[:8], "little"))
            made.append(rng.uniform(-1, 1) if (kind or self.noise) == "uniform" else rng.normal())
        return np.array(made)


def _leaky(x: Values, leak: float) -> Values:
    return np.where(x > 0, x, leak * x)


FORMS: dict[str, Callable[..., Callable[[Values], Values]]] = {
    "constant": lambda a: lambda x: np.full_like(x, a),
    "linear": lambda a, b: lambda x: a * x + b,
    "polynomial": lambda *c: lambda x: np.polyval(c, x),  # the highest power first
    "absolute": lambda a, b: lambda x: a * np.abs(x) + b,
    "root": lambda a, b, n: lambda x: a * np.where(x >= 0, x, np.nan) ** (1 / n) + b,
    "logarithm": lambda a, b, base: lambda x: a * np.log(np.where(x > 0, x, np.nan)) / np.log(base) + b,
    "step": lambda a, b, at: lambda x: np.where(x < at, float(a), float(b)),
    "relu": lambda a, b, leak: lambda x: a * _leaky(x, leak) + b,
    "tanh": lambda a, b, c, d: lambda x: a * np.tanh(b * (x - c)) + d,
    "sin": lambda a, b, c, d: lambda x: a * np.sin(b * (x - c)) + d,
    "cos": lambda a, b, c, d: lambda x: a * np.cos(b * (x - c)) + d,
    "reciprocal": lambda a: lambda x: a / x,
    "gaussian": lambda m, s: lambda x: np.exp(-(((x - m) / s) ** 2) / 2) / (s * np.sqrt(2 * np.pi)),
    "rational": lambda p, q: lambda x: np.polyval(p, x) / np.polyval(q, x),
    "rectangle": lambda a: lambda x: (np.abs(x) < a / 2).astype(float),
    "square_wave": lambda period, phase: lambda x: np.where((x - phase) % period < period / 2, 1.0, -1.0),
    "ceil": lambda a, b: lambda x: a * np.ceil(x) + b,
    "floor": lambda a, b: lambda x: a * np.floor(x) + b,
}
SIMPLE = tuple(name for name in FORMS if name not in ("ceil", "floor"))
PARTS = ("linear", "polynomial", "step", "relu", "constant", "ceil", "floor", "rectangle", "square_wave")
DOMAINS = {"root": (0.0, 100.0), "logarithm": (1.0, 100.0)}


def _one_decimal(rng: np.random.Generator, low: float, high: float, count: int = 1) -> list[float]:
    return np.round(rng.uniform(low, high, count), 1).tolist()


def parameters(name: str, rng: np.random.Generator) -> list[Any]:
    """Of a base function, with one decimal."""
    if name == "polynomial":
        return _one_decimal(rng, -5, 5, int(rng.integers(2, 6)) + 1)
    if name == "rational":
        return [_one_decimal(rng, -10, 10, int(rng.integers(2, 7))) for _ in range(2)]
    ranges: dict[str, list[tuple[float, float]]] = {
        "root": [(-30, 30), (-10, 10)],
        "logarithm": [(-10, 10), (-10, 10), (1.5, 10)],
        "step": [(-30, 30), (-30, 30), (-60, 60)],
        "relu": [(-30, 30), (-10, 10), (0, 0.9)],
        "tanh": [(-10, 10), (0.1, 6), (-6, 6), (-6, 6)],
        "sin": [(-10, 10), (0.1, 6), (-6, 6), (-6, 6)],
        "cos": [(-10, 10), (0.1, 6), (-6, 6), (-6, 6)],
        "reciprocal": [(0.1, 10)],
        "gaussian": [(-50, 50), (1, 10)],
        "rectangle": [(1, 10)],
        "square_wave": [(1, 10), (-1, 1)],
        "constant": [(-50, 50)],
    }
    numbers = [_one_decimal(rng, *bounds)[0] for bounds in ranges.get(name, [(-30, 30), (-10, 10)])]
    return [*numbers, int(rng.integers(1, 3))] if name == "root" else numbers


def draw_clean(rng: np.random.Generator) -> NumericFunction:
    """A simple function, or two."""
    if rng.random() >= COMPOSED:
        name = SIMPLE[rng.integers(len(SIMPLE))]
        values = parameters(name, rng)
        return NumericFunction(f"{name}{tuple(values)}", FORMS[name](*values), DOMAINS.get(name, (-100.0, 100.0)))
    names = [PARTS[number] for number in rng.integers(len(PARTS), size=2)]
    values = [parameters(name, rng) for name in names]
    one, other = (FORMS[name](*numbers) for name, numbers in zip(names, values, strict=True))
    sign, join = ("sum_two", np.add) if rng.random() < 0.5 else ("multiply_two", np.multiply)
    text = f"{names[0]};{names[1]};{sign}({tuple(values[0])}, {tuple(values[1])})"
    return NumericFunction(text, lambda x: join(one(x), other(x)), (-100.0, 100.0))


def scored(function: Callable[[Values], Values]) -> tuple[Values, Values]:
    """The points where the truth is finite, and the truth."""
    with np.errstate(all="ignore"):
        truth = np.asarray(function(POINTS), float)
    finite = np.isfinite(truth)
    return POINTS[finite], truth[finite]


def admissible(function: NumericFunction) -> bool:
    """Whether there is something to score: a truth that is finite somewhere and not always 0."""
    return bool(scored(function.clean)[1].any())


def approximated(function: NumericFunction, rng: np.random.Generator) -> NumericFunction:
    """The function of a network of one hidden layer that was fitted to it on its domain."""
    low, high = function.domain
    x = np.linspace(low, high, 512)
    knots, signs = rng.uniform(low, high, HIDDEN), rng.choice([-1.0, 1.0], HIDDEN)

    def hidden(points: Values) -> Float[np.ndarray, "points units"]:
        units = np.maximum(signs * (points[:, None] - knots), 0)
        return np.concatenate([units, np.ones((len(points), 1))], axis=1)

    with np.errstate(all="ignore"):
        y = function.clean(x)
    real = np.isfinite(y)
    weights = np.linalg.lstsq(hidden(x[real]), y[real], rcond=1e-6)[0]
    return function._replace(name=f"network of {function.name}", clean=lambda points: hidden(points) @ weights)


def draw_region(rng: np.random.Generator, domain: tuple[float, float]) -> Region:
    """Inside in half of the cases, else one of the sides."""
    a = float(_one_decimal(rng, *domain)[0])
    kind = rng.integers(4)
    if kind >= 2:
        return Region(a, a + float(rng.uniform(5, 25)))
    return Region(-np.inf, a) if kind else Region(a, np.inf)


def corrupted(function: NumericFunction, region: Region) -> NumericFunction:
    x = np.linspace(*function.domain, 201)
    with np.errstate(all="ignore"):
        y = function.clean(x)
    return function._replace(region=region, mean=float(y[np.isfinite(y)].mean()))


def draw(count: int, seed: int) -> Iterator[NumericFunction]:
    """A third of the functions as they are, a third with noise, a third corrupted, in turn."""
    rng = np.random.default_rng((seed, 15))
    made = 0
    while made < count:
        function = draw_clean(rng)
        if made < APPROXIMATED * count:
            function = approximated(function, rng)
        if not admissible(function):
            continue
        function = function._replace(seed=seed)
        if made % 3 == 1:
            function = function._replace(noise="uniform" if rng.random() < 0.5 else "normal")
        elif made % 3 == 2:
            function = corrupted(function, draw_region(rng, function.domain))
        yield function
        made += 1


def published(folder: str | Path | None = None) -> list[dict[str, Any]]:
    """The published entries of the numeric part. Raises PhloemError where the set is not at hand."""
    return list(load("find_functions", "numeric", folder))
