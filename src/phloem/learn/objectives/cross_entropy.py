"""Cross-entropy of one class an example, averaged over the batch."""

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
class CrossEntropy:
    """`model(batch)` gives logits Float[batch classes] for `batch.target` Int64[batch]."""

    label_smoothing: float = 0.0

    def __call__(self, model: Callable[[Any], Float[Tensor, "batch classes"]], batch: Any) -> Loss:
        logits = model(batch)
        value = F.cross_entropy(logits, batch.target, label_smoothing=self.label_smoothing)
        with torch.no_grad():
            right = (logits.argmax(dim=-1) == batch.target).double().mean()
        return Loss(value, {"accuracy": float(right)})
