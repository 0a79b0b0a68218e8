"""Cross-entropy of a yes or no an example: -log sigmoid(z) for yes, -log sigmoid(-z) for no, averaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from phloem.learn.objectives.base import Loss


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """`model(batch)` gives logits Float[batch] for `batch.target` Float[batch] of zeros and ones."""

    def __call__(self, model: Callable[[Any], Float[Tensor, "batch"]], batch: Any) -> Loss:
        logits = model(batch)
        value = F.binary_cross_entropy_with_logits(logits, batch.target)
        with torch.no_grad():
            right = ((logits > 0) == (batch.target > 0.5)).double().mean()
        return Loss(value, {"accuracy": float(right)})
