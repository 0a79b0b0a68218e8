"""Prequential code lengths and curves: how many bits a learner needs for data that it learns from as it goes.

Dawid, "Statistical theory: the prequential approach" (1984); Elmoznino et al., "In-context learning and Occam's razor"
(ICML 2025). A learner T that fits D_{1:i-1} and then codes point i needs

    L(D; T) = - Σ_i log2 p_{T(D_{1:i-1})}(x_i)        bits

For coin flips and the learner of Krichevsky and Trofimov (1981), p(1) = (ones + 1/2) / (seen + 1), the sum is

    - log2 [ Γ(a + 1/2) Γ(b + 1/2) / (π Γ(a + b + 1)) ]        of a zeros and b ones, in any order

For regression the curve is the risk after n points, and its area the efficiency of generalisation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from phloem.analysis.icl_predictors import Predictor
from phloem.corpora.prequential_families import Points
from phloem.nn.models.context_aggregator import ContextLearner

PATIENCE, LEAST_GAIN, HELD = 10, 1e-3, 0.2

Predict = Callable[[Sequence[Any]], float]  # what was seen, to the probability of 1


def krichevsky_trofimov(seen: Sequence[int]) -> float:
    return (sum(seen) + 0.5) / (len(seen) + 1)


def code_length(bits: Sequence[int], learner: Predict) -> float:
    """Bits for a string of 0 and 1 under a learner that is told each after it has coded it."""
    total = 0.0
    for place, bit in enumerate(bits):
        one = learner(bits[:place])
        total -= math.log2(one if bit else 1 - one)
    return total


def closed_code_length(zeros: int, ones: int) -> float:
    """That of Krichevsky and Trofimov's learner."""
    nats = math.lgamma(zeros + 0.5) + math.lgamma(ones + 0.5) - math.log(math.pi) - math.lgamma(zeros + ones + 1)
    return -nats / math.log(2)


@torch.no_grad()
def learner_risk(
    model: ContextLearner, tasks: Points, size: int, others: Points | None = None
) -> Float[np.ndarray, " tasks"]:
    """The squared distance to the function itself after `size` points, each task's mean over points that follow.

    Without noise: in the mean it is the squared error less the variance of the noise. `others` are asked in place of
    the points that follow (the same tasks under other inputs).
    """
    asked = others or Points(*(part[:, size:] for part in tasks))
    x, y, queries = (torch.from_numpy(part).float() for part in (tasks.x[:, :size], tasks.y[:, :size], asked.x))
    z = model.contexts(x, y)[:, -1:].expand(-1, queries.shape[1], -1)
    return ((model.predict(z, queries).double().numpy() - asked.clean) ** 2).mean(axis=(1, 2))


def predictor_risk(predictor: Predictor, tasks: Points, size: int) -> Float[np.ndarray, " tasks"]:
    """The same of a textbook estimator, which is given a constant input for the bias."""
    x = np.concatenate([tasks.x, np.ones_like(tasks.x[:, :, :1])], axis=2)
    predicted = predictor(x[:, :size], tasks.y[:, :size, 0], x[:, size:])
    return ((predicted - tasks.clean[:, size:, 0]) ** 2).mean(axis=1)


def area(risks: Sequence[Float[np.ndarray, " tasks"]], sizes: Sequence[int]) -> float:
    """Under the curve of mean risks over numbers of points, by trapezia."""
    return float(np.trapezoid([risk.mean() for risk in risks], sizes))


def fitted_risk(
    tasks: Points, size: int, *, width: int = 64, depth: int = 3, rate: float = 1e-3, steps: int = 2000, seed: int = 0
) -> Float[np.ndarray, " tasks"]:
    """Of perceptrons fitted to `size` points of each task from scratch, by Adam, stopped early on a fifth of them.

    All tasks at once, each with weights of its own: Adam treats every weight alone, so that they do not know of each
    other. Each task keeps the weights of its best validation, and ends after 10 evaluations that gain less than 0.001.
    """
    generator = torch.Generator().manual_seed(seed)
    x, y, queries = (
        torch.from_numpy(part).float() for part in (tasks.x[:, :size], tasks.y[:, :size], tasks.x[:, size:])
    )
    held = max(1, round(HELD * size))
    sizes = [x.shape[2], *[width] * (depth - 1), y.shape[2]]
    weights: list[Tensor] = []
    for before, after in pairwise(sizes):
        uniform = torch.rand(len(x), before + 1, after, generator=generator) * 2 - 1
        weights.append((uniform * before**-0.5).requires_grad_())
    adam = torch.optim.Adam(weights, lr=rate)
    best, stale = torch.full((len(x),), torch.inf), torch.zeros(len(x))
    kept = _perceptrons(weights, queries).detach()
    for _ in range(steps):
        adam.zero_grad()
        ((_perceptrons(weights, x[:, held:]) - y[:, held:]) ** 2).mean(dim=(1, 2)).sum().backward()
        adam.step()
        with torch.no_grad():
            risk = ((_perceptrons(weights, x[:, :held]) - y[:, :held]) ** 2).mean(dim=(1, 2))
            gains = (risk < best - LEAST_GAIN) & (stale < PATIENCE)
            kept = torch.where(gains[:, None, None], _perceptrons(weights, queries), kept)
            best = torch.where(gains, risk, best)
            stale = torch.where(gains, torch.zeros_like(stale), stale + 1)
        if (stale >= PATIENCE).all():
            break
    return ((kept.double().numpy() - tasks.clean[:, size:]) ** 2).mean(axis=(1, 2))


def _perceptrons(weights: Sequence[Tensor], x: Float[Tensor, "tasks points inputs"]) -> Tensor:
    for number, weight in enumerate(weights):
        x = torch.baddbmm(weight[:, -1:], x, weight[:, :-1])
        x = x.relu() if number < len(weights) - 1 else x
    return x
