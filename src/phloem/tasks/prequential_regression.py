"""Families of tasks as training data for learners in context."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int, Int64

from phloem.corpora.prequential_families import FAMILIES, Points
from phloem.learn.objectives.context_risk import ContextBatch, draw_earlier


class FamilyTasks:
    """`tasks` tasks of `points` points, as a `Dataset`: the tasks stay, what a batch asks of them is drawn afresh."""

    def __init__(self, family: str, *, tasks: int, points: int, seed: int) -> None:
        self.points: Points = FAMILIES[family].draw(np.random.default_rng((seed, 6)), tasks, points)

    def __len__(self) -> int:
        return len(self.points.x)

    @property
    def sizes(self) -> Int64[np.ndarray, " tasks"]:
        return np.full(len(self), self.points.x.shape[1])

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> ContextBatch:
        chosen = np.random.default_rng(0) if rng is None else rng
        x, y = (torch.from_numpy(part[index]).float() for part in (self.points.x, self.points.y))
        uniform = torch.from_numpy(chosen.random((len(x), x.shape[1] - 1)))
        return ContextBatch(x, y, draw_earlier(uniform))
