"""Accuracy of a classifier: is the true class the first, or among the first k."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int


def correct(
    scores: Float[np.ndarray, "examples classes"], classes: Int[np.ndarray, " examples"], k: int = 1
) -> Float[np.ndarray, " examples"]:
    """1 where fewer than k classes score at least as high as the true one, else 0: ties count against it."""
    true = np.take_along_axis(scores, classes[:, None], axis=1)
    return ((scores >= true).sum(axis=1) - 1 < k).astype(np.float64)


def accuracy(scores: Float[np.ndarray, "examples classes"], classes: Int[np.ndarray, " examples"], k: int = 1) -> float:
    """The share of examples whose true class is among the first k; 0 of no examples."""
    found = correct(scores, classes, k)
    return float(found.mean()) if len(found) else 0.0
