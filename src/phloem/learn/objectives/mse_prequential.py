"""Squared error at every place of a sequence, each predicted from what stands before it (Dawid 1984, prequential)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor

from phloem.learn.objectives.base import Loss


class PrequentialBatch(NamedTuple):
    tokens: Float[Tensor, "batch places inputs"]
    target: Float[Tensor, "batch examples"]


class PrequentialSquaredError:
    """`model(tokens)` gives a prediction for each target; the mean over examples and places."""

    def __call__(self, model: Callable[[Any], Tensor], batch: PrequentialBatch) -> Loss:
        error = (model(batch.tokens) - batch.target) ** 2
        return Loss(error.mean(), {"last": float(error[:, -1].detach().mean())})
