"""A few pass sequences that together serve many programs: greedy choice under a submodular value.

Liang et al., "Learning Compiler Pass Orders using Coreset and Normalized Value Prediction" (ICML 2023, section 3.2).
With r_is the share of program i's instructions that sequence s takes away,

    J(S) = sum over i of max(0, max over s in S of r_is)

J is monotone and has diminishing returns, so that adding the best sequence again and again reaches at least 1 - 1/e of
the best set of that size (Nemhauser, Wolsey, Fisher 1978). Lazily: a gain can only shrink, so that a sequence whose old
gain is below another's new one needs no new look (Minoux 1978). Ties go to the lowest number in both.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int


def coverage(gains: Float[np.ndarray, "programs sequences"], chosen: Sequence[int]) -> float:
    """J of a set of sequences; nothing chosen is worth 0."""
    if not len(chosen):
        return 0.0
    return float(np.maximum(gains[:, list(chosen)].max(axis=1), 0).sum())


def greedy(gains: Float[np.ndarray, "programs sequences"], size: int) -> Int[np.ndarray, " chosen"]:
    """The sequences in the order of choice: each time all are looked at. At most as many as there are."""
    covered = np.zeros(len(gains), gains.dtype)
    chosen: list[int] = []
    for _ in range(min(size, gains.shape[1])):
        added = np.maximum(gains - covered[:, None], 0).sum(axis=0)
        if chosen:
            added[chosen] = -1
        best = int(added.argmax())
        chosen.append(best)
        covered = np.maximum(covered, gains[:, best])
    return np.array(chosen, np.int64)


def lazy_greedy(gains: Float[np.ndarray, "programs sequences"], size: int) -> Int[np.ndarray, " chosen"]:
    """The same choice with fewer looks."""
    covered = np.zeros(len(gains), gains.dtype)
    chosen: list[int] = []

    def added(sequence: int) -> float:
        return float(np.maximum(gains[:, sequence] - covered, 0).sum())

    heap = [(-added(sequence), sequence) for sequence in range(gains.shape[1])]
    heapq.heapify(heap)
    while heap and len(chosen) < size:
        _, sequence = heapq.heappop(heap)
        fresh = (-added(sequence), sequence)
        if heap and heap[0] < fresh:
            heapq.heappush(heap, fresh)
            continue
        chosen.append(sequence)
        covered = np.maximum(covered, gains[:, sequence])
    return np.array(chosen, np.int64)
