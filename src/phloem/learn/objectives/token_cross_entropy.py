"""Cross-entropy of target sequences, averaged over their units, some of which may weigh more.

    L = sum_t w(y_t) (-log p(y_t | y_<t, source)) / number of units

Weights are those of Liu et al., "Code Execution with Pre-trained Language Models" (2023): 10 for what has to be found
out and 1 for the `easy` marks of a trace's format; the divisor counts units and not weights, so a weight is also a
learning rate. With the weight 1 this is the mean over units. The units of a target end with the first PAD, which
counts.
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
from phloem.learn.objectives.sequence_cross_entropy import counted


@dataclass(frozen=True)
class TokenCrossEntropy:
    """`model(batch)` gives logits Float[batch steps vocabulary] for `batch.target` Int64[batch steps]."""

    weight: float = 1.0  # of every unit that is not easy
    easy: tuple[int, ...] = ()
    label_smoothing: float = 0.0

    def __call__(self, model: Callable[[Any], Float[Tensor, "batch steps vocabulary"]], batch: Any) -> Loss:
        places = counted(batch.target)
        wanted = batch.target[places]
        each = cross_entropy(model(batch)[places], wanted, reduction="none", label_smoothing=self.label_smoothing)
        value = each.mean()
        logs = {"unit_loss": float(value.detach())}
        if self.weight != 1.0:
            easy = torch.isin(wanted, torch.tensor(self.easy, dtype=wanted.dtype, device=wanted.device))
            value = (each * torch.where(easy, 1.0, self.weight)).mean()
        return Loss(value, logs)
