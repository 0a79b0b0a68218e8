"""When is a probability low enough to speak up, and does it mean what it says?

A name is flagged when the model's probability of it lies under a threshold. On labelled examples (is this name wrong?)
every threshold has a precision, the share of flagged names that are wrong, and a recall, the share of wrong names that
are flagged. The threshold chosen is the largest whose precision is at least the one asked for.

Expected calibration error: Naeini et al. 2015; Guo et al. 2017, section 2. Logistic calibration: Platt 1999.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int


class Threshold(NamedTuple):
    """Flag where probability < `value`. Figures are of the examples that it was chosen on."""

    value: float
    precision: float
    recall: float
    flagged: float  # share of all examples


class PrecisionRecall(NamedTuple):
    """One row for each threshold that flags a different set, smallest set first."""

    threshold: Float[np.ndarray, " rows"]
    precision: Float[np.ndarray, " rows"]
    recall: Float[np.ndarray, " rows"]
    flagged: Int[np.ndarray, " rows"]  # examples


def precision_recall(
    probability: Float[np.ndarray, " examples"], wrong: Bool[np.ndarray, " examples"]
) -> PrecisionRecall:
    """Precision and recall of `probability < threshold` as a sign that an example is wrong.

    A threshold is the next larger probability that occurs, so that equal probabilities are flagged together; the last
    one flags everything. Log probabilities serve as well. Recall is 0 where nothing is wrong.
    """
    probability, wrong = np.asarray(probability, dtype=np.float64), np.asarray(wrong, dtype=bool)
    order = np.argsort(probability, kind="stable")
    sorted_, found = probability[order], np.cumsum(wrong[order])
    last = np.flatnonzero(np.diff(sorted_, append=np.inf))  # the last of each run of equal probabilities
    above = np.append(sorted_[last[1:]], np.nextafter(sorted_[-1:], np.inf))
    flagged = last + 1
    return PrecisionRecall(above, found[last] / flagged, found[last] / max(1, wrong.sum()), flagged)


def threshold(
    probability: Float[np.ndarray, " examples"], wrong: Bool[np.ndarray, " examples"], precision: float = 0.8
) -> Threshold:
    """The largest threshold with at least this precision; -inf, which flags nothing, where there is none."""
    table = precision_recall(probability, wrong)
    enough = np.flatnonzero(table.precision >= precision)
    if len(enough) == 0:
        return Threshold(-np.inf, 1.0, 0.0, 0.0)
    row = enough[-1]
    values = (table.threshold[row], table.precision[row], table.recall[row], table.flagged[row] / len(probability))
    return Threshold(*map(float, values))


def calibration_error(
    probability: Float[np.ndarray, " examples"], right: Bool[np.ndarray, " examples"], bins: int = 15
) -> float:
    """Expected calibration error: the mean gap between probability and share of right ones over equal-width bins,
    weighted by how many examples a bin holds; 0 of no examples."""
    probability, right = np.asarray(probability, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if len(probability) == 0:
        return 0.0
    place = np.clip(np.ceil(probability * bins).astype(int) - 1, 0, bins - 1)
    gap = np.bincount(place, weights=probability - right, minlength=bins)
    return float(np.abs(gap).sum() / len(probability))


def logistic(
    value: Float[np.ndarray, " examples"], right: Float[np.ndarray, " examples"], steps: int = 50
) -> tuple[float, float]:
    """Slope and offset such that 1 / (1 + exp(-slope * value - offset)) is likeliest for `right`, in 0 to 1.

    Newton's method with a small ridge, which keeps both finite where the values separate right from wrong (Platt 1999).
    """
    x = np.stack([np.asarray(value, np.float64), np.ones(len(value))], axis=1)
    y, weight = np.asarray(right, np.float64), np.zeros(2)
    ridge = np.eye(2) * 1e-3
    for _ in range(steps):
        told = 0.5 * (1 + np.tanh(x @ weight / 2))
        gradient = x.T @ (told - y) + ridge @ weight
        change = np.linalg.solve((x * (told * (1 - told))[:, None]).T @ x + ridge, gradient)
        weight -= change * min(1.0, 5.0 / max(np.abs(change).max(), 1e-12))
        if np.abs(change).max() < 1e-9:
            break
    return float(weight[0]), float(weight[1])
