"""How many tasks a search solves, as a curve over what it spent.

A searcher that solves more tasks with as many candidates is the better one, and how much better depends on where one
looks; so the whole curve is kept: for each task the number of candidates (or seconds) until it was solved. Tasks that
were not solved within the budget stand at infinity. (The figures of BUSTLE, Odena et al. 2021, are such curves.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float

UNSOLVED = float("inf")


def spent(found: Iterable[float | None], budget: float) -> Float[np.ndarray, "tasks"]:
    """What each task took; UNSOLVED where it was not solved (None) or took more than the budget."""
    took = np.array([UNSOLVED if each is None else each for each in found], float)
    return np.where(took <= budget, took, UNSOLVED)


def solved(took: Float[np.ndarray, "tasks"], budget: float) -> int:
    """How many tasks were solved with so much."""
    return int((took <= budget).sum())


def curve(took: Float[np.ndarray, "tasks"], budgets: Sequence[float]) -> list[int]:
    """`solved` for each budget: it never falls."""
    return [solved(took, budget) for budget in budgets]


def hits(took: Float[np.ndarray, "tasks"]) -> Float[np.ndarray, "tasks 2"]:
    """For each task (1 if it was solved, 1): the addends of the share that is solved."""
    right = np.isfinite(took).astype(float)
    return np.stack([right, np.ones_like(right)], 1)


def area(took: Float[np.ndarray, "tasks"], budget: float) -> float:
    """The mean, over budgets from 1 to `budget` on a logarithmic scale, of the share of tasks that is solved.

    The area under the curve: 1 if every task is solved by the first candidate, 0 if none is. A task that takes c counts
    1 - log c / log budget."""
    if not len(took) or budget <= 1:
        return 0.0
    return float(np.clip(1 - np.log(np.maximum(took, 1)) / np.log(budget), 0, 1).mean())
