"""Linear regressions as training data, and which textbook estimator a trained model is like."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int, Int64
from torch import nn

from phloem.corpora.regression_icl import Regressions, as_tokens, draw
from phloem.learn.objectives.mse_prequential import PrequentialBatch


class RegressionTasks:
    """Tasks as a `Dataset`: drawn afresh in training, fixed ones in evaluation."""

    def __init__(self, *, d: int, examples: int, noise: float = 0.0, scale: float = 1.0, tasks: int, seed: int) -> None:
        self.d, self.examples, self.noise, self.scale = d, examples, noise, scale
        self.fixed = self._draw(np.random.default_rng((seed, 4)), tasks)

    def _draw(self, rng: np.random.Generator, tasks: int) -> Regressions:
        return draw(rng, tasks, self.examples, self.d, noise=self.noise, scale=self.scale)

    def __len__(self) -> int:
        return len(self.fixed.w)

    @property
    def sizes(self) -> Int64[np.ndarray, tasks]:
        return np.full(len(self), 2 * self.examples)

    def batch(self, index: Int[np.ndarray, batch], rng: np.random.Generator | None) -> PrequentialBatch:
        tasks = self._draw(rng, len(index)) if rng is not None else Regressions(*(part[index] for part in self.fixed))
        return PrequentialBatch(
            torch.from_numpy(as_tokens(tasks.x, tasks.y)).float(), torch.from_numpy(tasks.y).float()
        )


@torch.no_grad()
def predictions(model: nn.Module, tasks: Regressions) -> Float[np.ndarray, "tasks examples"]:
    """What the model says at each x; at the i-th it has seen i examples before."""
    return model(torch.from_numpy(as_tokens(tasks.x, tasks.y)).float()).double().numpy()


def evaluate(model: nn.Module, tasks: Regressions) -> dict[str, float]:
    """The mean squared error over all places."""
    return {"loss": float(((predictions(model, tasks) - tasks.y) ** 2).mean())}
