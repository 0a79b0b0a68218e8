"""Tagging: every place of a sequence gets a class.

Collobert et al., "Natural Language Processing (Almost) from Scratch" (JMLR 2011, section 3.3.1, the word-level form):

    L = -mean over the counted places of log softmax( logits )_class

Names of kinds (variable, function, type), spans as begin / inside / outside, wrong tokens: what the classes mean is the
task's. Places with a negative class do not count, nor do those that a masked row ends before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from phloem.learn.objectives.base import Loss


class Tagging:
    """`model(batch)` gives logits Float[batch time classes] for `batch.target` Int64[batch time]; `weights` says how
    much each class counts, as rare ones should."""

    def __init__(self, weights: Float[Tensor, " classes"] | None = None) -> None:
        self.weights = weights

    def __call__(self, model: Callable[[Any], Float[Tensor, "batch time classes"]], batch: Any) -> Loss:
        logits = model(batch)
        counted = batch.target >= 0
        chosen, wanted = logits[counted], batch.target[counted]
        if not len(wanted):
            return Loss(logits.sum() * 0.0, {"tagged": 0.0})
        weights = None if self.weights is None else self.weights.to(chosen)
        value = cross_entropy(chosen, wanted, weight=weights)
        with torch.no_grad():
            right = (chosen.argmax(dim=1) == wanted).float().mean()
        return Loss(value, {"tagged": float(right)})
