"""What tells beforehand which tasks a model will solve?

Li and Ellis (NeurIPS 2024, section 5) compare the probability that the model gives a right program, its probability
before the examples are seen, the program's length and the length of what is to be explained. Each is scored by the area
under the ROC curve: how often a solved task has the greater value than an unsolved one (Mann and Whitney 1947),

    AUC = P(x_solved > x_unsolved) + 1/2 P(x_solved = x_unsolved)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import log

import numpy as np
from jaxtyping import Bool, Float


def area(values: Float[np.ndarray, " tasks"], solved: Bool[np.ndarray, " tasks"]) -> float:
    """The AUC; not a number when all tasks or none are solved."""
    right, wrong = np.asarray(values)[solved], np.asarray(values)[~solved]
    if not len(right) or not len(wrong):
        return float("nan")
    above = (right[:, None] > wrong).mean() + 0.5 * (right[:, None] == wrong).mean()
    return float(above)


def areas(predictors: Mapping[str, Sequence[float]], solved: Sequence[bool]) -> dict[str, float]:
    """Of each predictor; a length predicts failure, so give it with a minus."""
    return {name: area(np.array(values), np.array(solved, bool)) for name, values in predictors.items()}


class UnigramPrior:
    """log p of a program's tokens without regard to examples or order, from counts with one added to each."""

    def __init__(self, programs: Iterable[Sequence[int]], vocabulary: int) -> None:
        counts = Counter(token for program in programs for token in program)
        total = sum(counts.values()) + vocabulary
        self._logs = [log((counts[token] + 1) / total) for token in range(vocabulary)]

    def __call__(self, program: Sequence[int]) -> float:
        return sum(self._logs[token] for token in program)
