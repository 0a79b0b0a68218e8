"""Cross-entropy with a distribution as target: -sum_k t_k log softmax(logits)_k, averaged over the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from phloem.learn.objectives.base import Loss


class SoftTargetCrossEntropy:
    """`model(batch)` gives logits Float[batch classes] for `batch.target` Float[batch classes], whose rows sum to 1."""

    def __call__(self, model: Callable[[Any], Float[Tensor, "batch classes"]], batch: Any) -> Loss:
        logits = model(batch)
        value = F.cross_entropy(logits, batch.target)
        with torch.no_grad():
            entropy = torch.special.entr(batch.target).sum(dim=1).mean()
        return Loss(value, {"divergence": float(value.detach() - entropy)})
