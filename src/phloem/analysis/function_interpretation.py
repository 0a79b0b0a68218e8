"""Explaining a numeric function that can only be called: fits of known forms, formulas, and where they fail.

Three offline interpreters for the numeric part of FIND (Schwettmann et al., NeurIPS 2023), each with the same calls:

    parametric    every form a linear combination of features, the parameters within features from a grid; fitted to
                  least absolute deviations by reweighting, so that noise and a corrupted region weigh little; the form
                  of least BIC, n · 2 ln(mean |r|) + k ln n, over the smallest four fifths of the deviations
    symbolic      integer formulas (`synthesis.sequence_regression`), where answers to whole numbers are whole and the
                  best form is off
    polynomial    the baseline: degree 5 by least squares

A corrupted region is a run of samples that are far from the fit, or rougher than the rest, and that scatter without a
trend (`corrupted_run`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from phloem.synthesis.sequence_regression import Budget, symbolic_formula

CALLS = 200
REACH = 128.0  # functions are asked from -128 to 128
TRIMMED = 0.8
FLOOR = 1e-7  # of the deviation, relative to the size of the answers
FEW = 3  # of a grid, that are fitted without squares
WHOLE = 24  # calls at whole numbers, for formulas
SMALL = Budget(4, 4000)
FAR, RUN, APART, GAP = 6.0, 3, 0.08, 1  # deviations; samples of a run; share of far samples elsewhere; samples missed
ROUGHER = 3.0  # of the logarithm of roughness
WHITE = 1.0

Values = Float[np.ndarray, " points"]
Function = Callable[[Values], Values]


class Feature(NamedTuple):
    """Python text in x, and what it computes."""

    text: str
    of: Function


class Form(NamedTuple):
    """Features, and how many parameters stand within them."""

    name: str
    features: tuple[Feature, ...]
    inner: int = 0


class Fit(NamedTuple):
    """Code that defines f(x)."""

    name: str
    python: str
    of: Function
    bic: float


ONE = Feature("1", np.ones_like)
X = Feature("x", lambda x: x)


def samples(function: Function, seed: int, domain: tuple[float, float] | None = None) -> tuple[Values, Values]:
    """CALLS calls, spread with a jitter (a regular grid would alias waves); those with finite answers."""
    low, high = domain or (-REACH, REACH)
    rng = np.random.default_rng((seed, 18))
    steps = (np.arange(CALLS - WHOLE) + rng.random(CALLS - WHOLE)) / (CALLS - WHOLE)
    whole = np.arange(-(WHOLE // 2), WHOLE - WHOLE // 2)
    x = np.unique(np.concatenate([low + (high - low) * steps, whole]))
    with np.errstate(all="ignore"):
        y = function(x)
    real = np.isfinite(y)
    return x[real], y[real]


def _power(n: int) -> Feature:
    return Feature(f"x**{n}", lambda x: x**n)


def _above(t: float) -> Feature:
    return Feature(f"(x > {t!r})", lambda x: (x > t).astype(float))


def _above_x(t: float) -> Feature:
    return Feature(f"(x > {t!r})*x", lambda x: (x > t) * x)


def _within(w: float) -> Feature:
    return Feature(f"(abs(x) < {w!r})", lambda x: (np.abs(x) < w).astype(float))


def _tanh(b: float, c: float) -> Feature:
    return Feature(f"math.tanh({b!r}*(x - {c!r}))", lambda x: np.tanh(b * (x - c)))


def _bell(m: float, s: float) -> Feature:
    return Feature(f"math.exp(-((x - {m!r})/{s!r})**2/2)", lambda x: np.exp(-(((x - m) / s) ** 2) / 2))


def _square(period: float, phase: float) -> Feature:
    return Feature(
        f"(1 if (x - {phase!r}) % {period!r} < {period / 2!r} else -1)",
        lambda x: np.where((x - phase) % period < period / 2, 1.0, -1.0),
    )


def _wave(b: float) -> tuple[Feature, Feature]:
    return (
        Feature(f"math.sin({b!r}*x)", lambda x: np.sin(b * x)),
        Feature(f"math.cos({b!r}*x)", lambda x: np.cos(b * x)),
    )


def forms(x: Values, y: Values) -> Iterator[list[Form]]:
    """Groups of forms of one kind; of each the best few are fitted in full."""
    zero_or_more, positive = x.min() >= 0, x.min() > 0
    yield [Form("constant", (ONE,))]
    for degree in range(1, 6):
        yield [Form("linear" if degree == 1 else "polynomial", (ONE, X, *map(_power, range(2, degree + 1))))]
    absolute = Feature("abs(x)", np.abs)
    yield [Form("absolute", (ONE, absolute))]
    yield [
        Form(
            "relu",
            (ONE, Feature("max(x, 0)", lambda x: np.maximum(x, 0)), Feature("min(x, 0)", lambda x: np.minimum(x, 0))),
        )
    ]
    yield [Form("reciprocal", (Feature("1/x", lambda x: 1 / np.where(x == 0, np.nan, x)),))]
    if zero_or_more:
        yield [Form("root", (ONE, Feature("x**0.5", lambda x: np.sqrt(np.maximum(x, 0)))))]
    if positive:
        yield [Form("logarithm", (ONE, Feature("math.log(x)", lambda x: np.log(np.maximum(x, 1e-300)))))]
    middle = ((x[1:] + x[:-1]) / 2).round(3).tolist()
    yield [Form("step", (ONE, _above(t)), 1) for t in middle]
    yield [Form("two lines", (ONE, X, _above(t), _above_x(t)), 1) for t in middle[4:-4]]
    yield [Form("rectangle", (ONE, _within(w)), 1) for w in np.arange(0.25, 6, 0.25).tolist()]
    yield [Form("tanh", (ONE, _tanh(b, c)), 2) for b in (0.2, 0.5, 1.0, 3.0) for c in np.arange(-6, 6.5, 0.5).tolist()]
    peak = float(x[np.abs(y - np.median(y)).argmax()])
    near = [round(peak + shift, 2) for shift in (-3.0, -1.5, -0.7, 0.0, 0.7, 1.5, 3.0)]
    yield [Form("gaussian", (_bell(m, s),), 2) for m in near for s in (1.0, 1.5, 2.2, 3.3, 5.0, 7.0, 10.0)]
    yield [Form("wave", (ONE, *_wave(b)), 1) for b in np.arange(0.1, 6.05, 0.1).round(1).tolist()]
    phases = np.arange(-1, 1.05, 0.2).round(1).tolist()
    periods = np.arange(1, 10.05, 0.1).round(1).tolist()
    yield [Form("square wave", (ONE, _square(period, phase)), 2) for period in periods for phase in phases]


def parametric(x: Values, y: Values) -> Fit:
    """The form of least BIC. Raises ValueError without samples."""
    if not len(x):
        raise ValueError("there are no finite answers to explain")
    best: Fit | None = None
    for group in forms(x, y):
        tables = np.stack([np.stack([one.of(x) for one in form.features], axis=1) for form in group])
        tables = np.nan_to_num(tables)
        for number in _promising(tables, y):
            fit = _fitted(group[number], tables[number], y)
            if best is None or fit.bic < best.bic:
                best = fit
    assert best is not None
    return best


def _promising(tables: Float[np.ndarray, "forms points features"], y: Values) -> list[int]:
    """By the median deviation of least squares solutions."""
    if len(tables) <= FEW:
        return list(range(len(tables)))
    scale = np.abs(tables).max(axis=1, keepdims=True) + 1e-12
    scaled = tables / scale
    gram = scaled.transpose(0, 2, 1) @ scaled + 1e-9 * np.eye(tables.shape[2])
    weights = np.linalg.solve(gram, (scaled.transpose(0, 2, 1) @ y)[..., None])
    residual = np.abs((scaled @ weights)[..., 0] - y)
    return np.argsort(_trimmed(residual), kind="stable")[:FEW].tolist()


def _trimmed(residual: Float[np.ndarray, "*fits points"]) -> Float[np.ndarray, "*fits"]:
    """The mean of the smallest four fifths."""
    kept = max(1, int(TRIMMED * residual.shape[-1]))
    return np.sort(residual, axis=-1)[..., :kept].mean(axis=-1)


def _fitted(form: Form, table: Float[np.ndarray, "points features"], y: Values) -> Fit:
    """Least absolute deviations, by squares weighted with the inverse of the last deviations."""
    scale = np.abs(table).max(axis=0) + 1e-12
    size = float(np.abs(y).max()) + 1e-12
    weights = np.linalg.lstsq(table / scale, y, rcond=None)[0]
    for _ in range(15):
        deviation = np.abs(table / scale @ weights - y)
        root = np.maximum(deviation, 1e-6 * size)[:, None] ** -0.5
        weights = np.linalg.lstsq(root * table / scale, root[:, 0] * y, rcond=None)[0]
    numbers = weights / scale
    deviation = float(_trimmed(np.abs(table @ numbers - y)))
    count = len(numbers) + form.inner
    bic = 2 * len(y) * np.log(deviation / size + FLOOR) + count * np.log(len(y))
    text = " + ".join(f"{number!r}*{one.text}" for number, one in zip(numbers.tolist(), form.features, strict=True))

    def of(points: Values) -> Values:
        return sum((number * one.of(points) for number, one in zip(numbers, form.features, strict=True)), 0 * points)

    return Fit(form.name, f"import math\n\ndef f(x):\n    return {text}\n", of, float(bic))


def polynomial(x: Values, y: Values) -> Fit:
    """The baseline."""
    form = Form("polynomial", (ONE, X, *map(_power, range(2, 6))))
    table = np.stack([one.of(x) for one in form.features], axis=1)
    scale = np.abs(table).max(axis=0) + 1e-12
    numbers = np.linalg.lstsq(table / scale, y, rcond=None)[0] / scale
    text = " + ".join(f"{number!r}*{one.text}" for number, one in zip(numbers.tolist(), form.features, strict=True))
    return Fit("polynomial", f"def f(x):\n    return {text}\n", lambda points: np.polyval(numbers[::-1], points), 0.0)


def symbolic(x: Values, y: Values, budget: Budget = SMALL) -> str | None:
    """Code for the answers to whole numbers, where these are whole; None if there is no formula."""
    whole = (x == np.rint(x)) & (np.abs(y) < 2**31)
    if whole.sum() < 8 or (y[whole] != np.rint(y[whole])).any():
        return None
    numbers = x[whole].astype(np.int64)[:, None]
    found = symbolic_formula(numbers, y[whole].astype(np.int64), ["x"], budget)
    return None if found is None else f"def f(x):\n    return {found}\n"


def explained(x: Values, y: Values) -> Fit:
    """The parametric fit; a symbolic formula in its place where the fit is off and the formula is not."""
    fit = parametric(x, y)
    off = _trimmed(np.abs(fit.of(x) - y)) > 0.05 * (np.abs(y).mean() + 1e-12)
    found = symbolic(x, y) if off else None
    return fit if found is None else fit._replace(name="symbolic", python=found)


def corrupted_run(x: Values, y: Values, of: Function) -> tuple[float, float] | None:
    """A region of samples that scatter without a trend and are unlike the rest; None without one.

    First the longest run far from the fit; where the fit has taken the region for a part of the function (as a step),
    the run whose roughness stands out. Either must be white: a smooth or constant run belongs to the function, and so
    does one that the fit explains.
    """
    close = np.abs(of(x) - y) <= 1e-6 * (np.abs(y).max() + 1e-12)
    for found in (_far_run(x, y, of), _rough_run(x, y)):
        if found is not None and _white(y[slice(*found)]) and not close[slice(*found)].all():
            return float(x[found[0]]), float(x[found[1] - 1])
    return None


def _far_run(x: Values, y: Values, of: Function) -> tuple[int, int] | None:
    """At least RUN samples that are far at FAR times the typical deviation, with at most GAP others in a row.

    If more than APART of the samples outside of it are far, the fit is bad and says nothing.
    """
    residual = np.abs(of(x) - y)
    typical = np.median(residual) / 0.6745
    far = residual > np.maximum(FAR * typical, 1e-4 * (np.abs(y).max() + 1e-12))
    low = high = start = 0
    last = -GAP - 2
    for place in np.flatnonzero(far).tolist():
        if place - last > GAP + 1:
            start = place
        last = place
        if place + 1 - start > high - low:
            low, high = start, place + 1
    outside = np.concatenate([far[:low], far[high:]])
    if far[low:high].sum() < RUN or (len(outside) and outside.mean() > APART):
        return None
    return low, high


def _rough_run(x: Values, y: Values) -> tuple[int, int] | None:
    """The change points between which the logarithm of roughness is most above the rest, by at least ROUGHER.

    The roughness of a sample is its distance to the line between its neighbours.
    """
    if len(x) < 4 * RUN:
        return None
    between = y[:-2] + (y[2:] - y[:-2]) * (x[1:-1] - x[:-2]) / (x[2:] - x[:-2])
    rough = np.log(np.abs(y[1:-1] - between) + 1e-6 * (np.abs(y).max() + 1e-12))
    total = np.concatenate([[0.0], rough.cumsum()])
    count = len(rough)
    low, high = np.triu_indices(count + 1, 2 * RUN)
    size = high - low
    kept = count - size >= RUN
    low, high, size = low[kept], high[kept], size[kept]
    inside = (total[high] - total[low]) / size
    outside = (total[-1] - total[high] + total[low]) / (count - size)
    gain = np.where(inside - outside > ROUGHER, (inside - outside) ** 2 * size * (count - size) / count, 0.0)
    best = int(gain.argmax())
    return (int(low[best]) + 1, int(high[best]) + 1) if gain[best] > 0 else None


def _white(y: Values) -> bool:
    """Von Neumann's ratio (1941): 2 for independent values, near 0 for smooth ones."""
    spread = y.var()
    if spread <= (1e-9 * (np.abs(y).max() + 1e-12)) ** 2:
        return False
    return bool((np.diff(y) ** 2).mean() / spread > WHITE)


def overlap(found: tuple[float, float], truth: tuple[float, float], domain: tuple[float, float]) -> float:
    """Intersection over union of two intervals, within the domain."""
    (a, b), (c, d) = ((max(low, domain[0]), min(high, domain[1])) for low, high in (found, truth))
    union = max(b, d) - min(a, c)
    return max(0.0, min(b, d) - max(a, c)) / union if union > 0 else 0.0
