"""Textbook estimators that a model that learns in context may be like.

Akyürek et al. (ICLR 2023, section 4.1). Each takes examples and a query of several tasks at once, and predicts:

    knn          the mean of the 3 nearest examples' y
    sgd          one pass of single steps from w = 0:  w <- w - 2α x_i (w·x_i - y_i)
    gd           one full-batch step from 0, so that the prediction is 2α Σ_i y_i x_i·x
    ridge(λ)     (X^T X + λI)^-1 X^T y, on the sum of squares
    ols          the least squares solution of least norm

Where w ~ N(0, τ² I) and the noise is N(0, σ²), ridge with λ = σ²/τ² is Bayes' predictor. Step sizes are tuned on tasks
of their own (`tuned`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from jaxtyping import Float

from phloem.corpora.regression_icl import Regressions

Examples = Float[np.ndarray, "tasks examples d"]
Targets = Float[np.ndarray, "tasks examples"]
Queries = Float[np.ndarray, "tasks queries d"]
Predictor = Callable[[Examples, Targets, Queries], Float[np.ndarray, "tasks queries"]]
NEIGHBOURS = 3


def zero(x: Examples, y: Targets, queries: Queries) -> Float[np.ndarray, "tasks queries"]:
    """The mean of what is to be predicted, before anything is known."""
    return np.zeros(queries.shape[:2])


def knn(x: Examples, y: Targets, queries: Queries, *, k: int = NEIGHBOURS) -> Float[np.ndarray, "tasks queries"]:
    distance = ((queries[:, :, None] - x[:, None]) ** 2).sum(axis=-1)
    nearest = np.argsort(distance, axis=-1, kind="stable")[:, :, : min(k, x.shape[1])]
    return np.take_along_axis(y[:, None].repeat(queries.shape[1], axis=1), nearest, axis=2).mean(axis=2)


def sgd(x: Examples, y: Targets, queries: Queries, *, step: float) -> Float[np.ndarray, "tasks queries"]:
    w = np.zeros((len(x), x.shape[2]))
    for place in range(x.shape[1]):
        residual = (w * x[:, place]).sum(axis=1) - y[:, place]
        w = w - 2 * step * residual[:, None] * x[:, place]
    return _linear(w, queries)


def gd(x: Examples, y: Targets, queries: Queries, *, step: float) -> Float[np.ndarray, "tasks queries"]:
    return _linear(2 * step * np.einsum("tn,tnd->td", y, x), queries)


def ridge(x: Examples, y: Targets, queries: Queries, *, penalty: float) -> Float[np.ndarray, "tasks queries"]:
    gram = np.einsum("tnd,tne->tde", x, x) + penalty * np.eye(x.shape[2])
    moment = np.einsum("tn,tnd->td", y, x)
    return _linear(np.linalg.solve(gram, moment[:, :, None])[:, :, 0], queries)


def ols(x: Examples, y: Targets, queries: Queries) -> Float[np.ndarray, "tasks queries"]:
    return _linear((np.linalg.pinv(x) @ y[:, :, None])[:, :, 0], queries)


def _linear(w: Float[np.ndarray, "tasks d"], queries: Queries) -> Float[np.ndarray, "tasks queries"]:
    return np.einsum("td,tqd->tq", w, queries)


def bayes(noise: float, scale: float) -> Predictor:
    """The predictor of least mean risk."""
    return partial(ridge, penalty=noise**2 / scale**2)


def tuned(
    predictor: Callable[..., Float[np.ndarray, "tasks queries"]], steps: Sequence[float], tasks: Regressions
) -> tuple[Predictor, float]:
    """The predictor with the step size that predicts the last example of these tasks best, and this step size."""
    given = tasks.x[:, :-1], tasks.y[:, :-1], tasks.x[:, -1:]

    def risk(step: float) -> float:
        return float(((predictor(*given, step=step)[:, 0] - tasks.y[:, -1]) ** 2).mean())

    best = min(steps, key=risk)
    return partial(predictor, step=best), best
