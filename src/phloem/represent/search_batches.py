"""Batches of pairs in which many are of one project.

What else is in the project is what a search in it has to tell apart, so functions of the same project are the negatives
that matter; drawn from everything they would be rare. (Batches of neighbours as hard negatives: Gillick et al.,
"Learning Dense Representations for Entity Retrieval", 2019.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Int, Int64

from phloem.represent.search_view import PairBatch, SearchDataset


class ByProject:
    """A `Dataset` whose examples are draws of `together` functions of one project; each project has as many such
    draws as fill it once."""

    def __init__(self, dataset: SearchDataset, together: int = 32) -> None:
        self.dataset, self.together = dataset, together
        project = np.asarray(dataset.project)
        self._order: Int64[np.ndarray, " functions"] = np.argsort(project, kind="stable")
        counts = np.bincount(project) if len(project) else np.zeros(0, np.int64)
        self._ends = np.concatenate([[0], np.cumsum(counts)])
        draws = np.where(counts > 0, np.maximum(1, counts // together), 0)
        self._project: Int64[np.ndarray, " draws"] = np.repeat(np.arange(len(counts)), draws)

    def __len__(self) -> int:
        return len(self._project)

    @property
    def sizes(self) -> np.ndarray:
        """Of each draw, in functions."""
        return np.minimum(np.diff(self._ends)[self._project], self.together)

    def functions(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> Int64[np.ndarray, " n"]:
        """The functions of these draws: without `rng` the first ones of each project."""
        chosen = []
        for project in self._project[np.asarray(index, np.int64)].tolist():
            first, end = int(self._ends[project]), int(self._ends[project + 1])
            most = min(self.together, end - first)
            places: Any = (
                np.arange(most) if rng is None else rng.choice(end - first, most, replace=False, shuffle=False)
            )
            chosen.append(self._order[first + places])
        return np.concatenate(chosen)

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> PairBatch:
        return self.dataset.batch(self.functions(index, rng), rng)
