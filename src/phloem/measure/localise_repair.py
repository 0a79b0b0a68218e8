"""How well bugs are found, pointed at, and repaired.

The figures of Vasic et al. 2019 (section 4) as Kanade et al. 2020 give them for examples of which some have a bug; a
location is the position that a model points at, 0 for "nothing is wrong".

    classification   of all: is there a bug or not
    true positive    of those without a bug: said so
    localisation     of those with a bug: the place is right
    repair           of those with a bug: what is proposed is right, wherever it is put
    joint            of those with a bug: both
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int


class LocaliseRepair(NamedTuple):
    """Shares; of no examples 0."""

    classification: float
    true_positive: float
    localisation: float
    repair: float
    joint: float


def localise_repair(
    error: Int[np.ndarray, " examples"], location: Int[np.ndarray, " examples"], repaired: Bool[np.ndarray, " examples"]
) -> LocaliseRepair:
    """`error` is where the bug is, `location` where the model points, `repaired` whether its repair is a right one."""
    error, location, repaired = np.asarray(error), np.asarray(location), np.asarray(repaired, bool)
    buggy = error > 0
    found = location == error
    return LocaliseRepair(
        _share((location > 0) == buggy),
        _share(location[~buggy] == 0),
        _share(found[buggy]),
        _share(repaired[buggy]),
        _share((found & repaired)[buggy]),
    )


def _share(hits: Bool[np.ndarray, " examples"]) -> float:
    return float(hits.mean()) if len(hits) else 0.0


def precision_at_rate(precision: float, rate: float, other: float) -> float:
    """The precision of findings where a share `other` of functions has a bug, from the one measured at `rate`.

    Right findings are taken to come in proportion to the functions with a bug, wrong ones to those without.

    >>> round(precision_at_rate(0.6, 0.5, 0.05), 3)
    0.073
    """
    right, wrong = precision * other / rate, (1 - precision) * (1 - other) / (1 - rate)
    return right / (right + wrong) if right + wrong else 0.0


def platt(
    logits: Float[np.ndarray, " examples"], right: Bool[np.ndarray, " examples"], steps: int = 50
) -> tuple[float, float]:
    """Slope and offset with which sigmoid(slope * logit + offset) is calibrated (Platt 1999), by Newton's method with a
    little of ridge; (1, 0) where one of the classes is missing."""
    x, y = np.asarray(logits, np.float64), np.asarray(right, np.float64)
    if not len(y) or y.min() == y.max():
        return 1.0, 0.0
    design = np.stack([x, np.ones_like(x)], axis=1)
    start = np.array([1.0, 0.0])
    weights, ridge = start.copy(), 1e-2
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (p - y) + ridge * (weights - start)
        curvature = (design * (p * (1 - p))[:, None]).T @ design + ridge * np.eye(2)
        move = np.linalg.solve(curvature, gradient)
        weights = weights - move
        if np.abs(move).max() < 1e-9:
            break
    return float(weights[0]), float(weights[1])
