"""A causal language model's loss over chosen parts of its sequences.

    L = sum over the chosen parts of  mean over the places of a part of  -log p(x_t | x_<t)

Each part has the same weight however long it is: beside a list of five words, a page of auxiliary targets would be all
that is learned. Parts that are not chosen (the prompt, and auxiliary targets in an ablation) are read, not learned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from phloem.learn.objectives.base import Loss


@dataclass(frozen=True)
class PartsLoss:
    """`batch.tokens` and `batch.part` Int64[batch time]; `parts` names the numbers of those that carry loss."""

    parts: tuple[tuple[str, int], ...]

    def __call__(self, model: Callable[[Any], Float[Tensor, "batch time units"]], batch: Any) -> Loss:
        logits = model(batch.tokens[:, :-1])
        total, logs = logits.new_zeros(()), {}
        for name, number in self.parts:
            places = batch.part[:, 1:] == number
            if places.any():
                value = cross_entropy(logits[places], batch.tokens[:, 1:][places])
                total, logs[name] = total + value, float(value.detach())
        return Loss(torch.as_tensor(total), logs)
