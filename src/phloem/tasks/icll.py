"""In-context language learning: strings of an unknown regular language, and what may come next.

After Akyürek et al. (ICML 2024). Targets that are separators are neither trained nor scored. A prediction is a
distribution over the 18 symbols; it is scored by its total variation distance (half of the sum of absolute differences)
to the uniform distribution over the legal symbols, and by whether its most probable symbol is legal.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int64
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from phloem.corpora.probabilistic_automata import (
    NOTHING,
    SEPARATOR,
    STANDARD,
    SYMBOLS,
    Draw,
    Machine,
    legal_next,
    sequence,
)
from phloem.learn.objectives.base import Loss

AT_ONCE = 16


class Prompts(NamedTuple):
    tokens: Int64[Tensor, "batch time"]
    target: Int64[Tensor, "batch time"]  # the next unit
    legal: Bool[Tensor, "batch time symbols"]  # after each token

    @property
    def scored(self) -> Bool[Tensor, "batch time"]:
        return self.target < SEPARATOR


class LanguagePrompts:
    """A sequence a machine as a `Dataset`: drawn afresh in training, a fixed one in evaluation."""

    def __init__(self, machines: list[Machine], *, seed: int, draw: Draw = STANDARD) -> None:
        self.machines, self.seed, self.draw = machines, seed, draw

    def __len__(self) -> int:
        return len(self.machines)

    @property
    def sizes(self) -> Int64[np.ndarray, " machines"]:
        return np.ones(len(self), dtype=np.int64)

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> Prompts:
        chosen = [self.machines[number] for number in index]
        rngs = [np.random.default_rng((self.seed, number)) if rng is None else rng for number in index.tolist()]
        rows = [sequence(machine, one, self.draw) for machine, one in zip(chosen, rngs, strict=True)]
        longest = max(map(len, rows))
        tokens = np.full((len(rows), longest), NOTHING)
        legal = np.zeros((len(rows), longest, SYMBOLS), dtype=bool)
        for number, (machine, row) in enumerate(zip(chosen, rows, strict=True)):
            tokens[number, : len(row)] = row
            legal[number, : len(row)] = legal_next(machine, row)
        whole = torch.from_numpy(tokens)
        return Prompts(whole[:, :-1], whole[:, 1:], torch.from_numpy(legal[:, :-1]))


class NextSymbol:
    """Mean cross-entropy, in nats, over targets that are symbols."""

    def __call__(self, model: Any, batch: Prompts) -> Loss:
        value = cross_entropy(model(batch.tokens)[batch.scored], batch.target[batch.scored])
        return Loss(value, {})


def total_variation(
    predicted: Float[Tensor, "*places symbols"], legal: Bool[Tensor, "*places symbols"]
) -> Float[Tensor, "*places"]:
    """To the uniform distribution over legal symbols."""
    truth = legal.to(predicted.dtype)
    truth = truth / truth.sum(dim=-1, keepdim=True).clamp(min=1)
    return 0.5 * (predicted - truth).abs().sum(dim=-1)


def scores(predicted: Float[Tensor, "batch time symbols"], batch: Prompts) -> Float[np.ndarray, "batch 3"]:
    """For each sequence (sum of total variation, legal argmaxes, scored places)."""
    scored = batch.scored
    variation = (total_variation(predicted, batch.legal) * scored).sum(dim=1)
    best = predicted.argmax(dim=-1, keepdim=True)
    legal = (batch.legal.gather(2, best)[:, :, 0] & scored).sum(dim=1)
    return torch.stack([variation.double(), legal.double(), scored.sum(dim=1).double()], dim=1).numpy()


@torch.no_grad()
def model_scores(model: nn.Module, dataset: LanguagePrompts) -> Float[np.ndarray, "machines 3"]:
    """The same of a language model, whose probabilities are renormalised over the symbols."""
    rows = []
    for start in range(0, len(dataset), AT_ONCE):
        batch = dataset.batch(np.arange(start, min(start + AT_ONCE, len(dataset))), None)
        rows.append(scores(model(batch.tokens)[:, :, :SYMBOLS].softmax(dim=-1), batch))
    return np.concatenate(rows)


def evaluate(model: nn.Module, dataset: LanguagePrompts) -> dict[str, float]:
    """Means over places."""
    variation, legal, count = model_scores(model, dataset).sum(axis=0)
    return {"variation": float(variation / count), "legal": float(legal / count)}
