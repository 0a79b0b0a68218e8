"""Two risks for one in-context learner: of the next point, and of a point that it has read.

Elmoznino et al., "In-context learning and Occam's razor" (ICML 2025). With z_m learned from the first m points

    prequential    mean over m = 1 … n-1 of the loss at point m + 1 under z_m
    train risk     mean over m = 1 … n-1 of the loss at one point k under z_m, k uniform in 1 … m

The summed prequential loss is a code length of the points (Dawid 1984), and so bounds the error on the points plus the
complexity of the model learned from them; the train risk is the error alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy

from phloem.learn.objectives.base import Loss

PointLoss = Callable[[Tensor, Tensor], Tensor]  # predictions, targets (… outputs) → …


class ContextBatch(NamedTuple):
    """Points of several tasks, and for each m = 1 … n-1 the place (from 0) of one of the first m points."""

    x: Float[Tensor, "batch points inputs"]
    y: Float[Tensor, "batch points outputs"]
    earlier: Int64[Tensor, "batch points-1"]


def draw_earlier(uniform: Float[Tensor, "batch contexts"]) -> Int64[Tensor, "batch contexts"]:
    """From numbers in [0, 1) places uniform in 0 … m-1 for the context of m points: the newest one is among them."""
    sizes = torch.arange(1, uniform.shape[1] + 1, device=uniform.device)
    return (uniform * sizes).long().clamp(max=sizes - 1)


def squared_error(predicted: Float[Tensor, "*points outputs"], y: Float[Tensor, "*points outputs"]) -> Tensor:
    return ((predicted - y) ** 2).sum(dim=-1)


def two_counts(predicted: Float[Tensor, "*points outputs"], y: Float[Tensor, "*points outputs"]) -> Tensor:
    """Cross-entropy, in nats, of two numbers that stand side by side as one-hot vectors of equal width."""
    logits, targets = (part.unflatten(-1, (2, -1)) for part in (predicted, y))
    nats = cross_entropy(logits.flatten(0, -2), targets.flatten(0, -2), reduction="none")
    return nats.unflatten(0, logits.shape[:-1]).sum(dim=-1)


class PrequentialRisk:
    """The loss at the next point, of a `ContextLearner`."""

    def __init__(self, loss: PointLoss = squared_error) -> None:
        self.loss = loss

    def __call__(self, model: Any, batch: ContextBatch) -> Loss:
        z = model.contexts(batch.x[:, :-1], batch.y[:, :-1])[:, 1:]
        value = self.loss(model.predict(z, batch.x[:, 1:]), batch.y[:, 1:]).mean()
        return Loss(value, {})


class TrainRisk:
    """The loss at a point of the context."""

    def __init__(self, loss: PointLoss = squared_error) -> None:
        self.loss = loss

    def __call__(self, model: Any, batch: ContextBatch) -> Loss:
        z = model.contexts(batch.x[:, :-1], batch.y[:, :-1])[:, 1:]
        x, y = (part.gather(1, batch.earlier[:, :, None].expand(-1, -1, part.shape[2])) for part in (batch.x, batch.y))
        return Loss(self.loss(model.predict(z, x), y).mean(), {})
