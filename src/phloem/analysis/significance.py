"""Is a difference over paired runs more than chance, and what remains of it when many were tried?

Wilcoxon, "Individual Comparisons by Ranking Methods" (1945): the absolute differences are ranked, equal ones with their
mean rank, and zeros left out; under the null hypothesis each sign is a coin. For up to MOST_EXACT pairs all signs are
counted. Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979), corrects for the number of tests.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

MOST_EXACT = 60


def wilcoxon(one: Sequence[float], other: Sequence[float]) -> float:
    """The exact two-sided p-value of paired scores; 1 where none differ. With n pairs it is at least 2^(1 - n).

    Raises ValueError for sides of different lengths, and for more than MOST_EXACT differing pairs."""
    difference = np.asarray(one, float) - np.asarray(other, float)
    difference = difference[difference != 0]
    count = len(difference)
    if count > MOST_EXACT:
        raise ValueError(f"the exact test takes up to {MOST_EXACT} pairs, there are {count}")
    if not count:
        return 1.0
    doubled = _doubled_ranks(np.abs(difference))
    ways = np.zeros(int(doubled.sum()) + 1)
    ways[0] = 1.0
    for rank in doubled.tolist():
        ways[rank:] = ways[rank:] + ways[: len(ways) - rank]
    positive = int(doubled[difference > 0].sum())
    low, high = ways[: positive + 1].sum(), ways[positive:].sum()
    return float(min(1.0, 2 * min(low, high) / 2.0**count))


def _doubled_ranks(values: Float[np.ndarray, " values"]) -> np.ndarray:
    """Twice the mean rank of each value, a whole number."""
    ordered = np.sort(values)
    first, last = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.asarray(first + 1 + last, np.int64)


def holm(p_values: Sequence[float]) -> list[float]:
    """The corrected p-values, in the same order."""
    order = np.argsort(p_values, kind="stable")
    corrected = np.zeros(len(order))
    largest = 0.0
    for place, number in enumerate(order.tolist()):
        largest = max(largest, min(1.0, (len(order) - place) * float(p_values[number])))
        corrected[number] = largest
    return [float(value) for value in corrected]
