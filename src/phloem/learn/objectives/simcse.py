"""SimCSE: a text and itself, read twice with other dropout, belong together.

Gao, Yao and Chen, "SimCSE: Simple Contrastive Learning of Sentence Embeddings" (EMNLP 2021, section 3):

    L = -mean_i log softmax_j( s cos(v_i, v'_j) )_i

v and v' are vectors of the same texts from two passes. No pairs are needed, only dropout.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.hard_negatives import hard_negative_loss


class SimCSE:
    """The objective of `vectors(model, batch)`, texts × width, in training mode. Raises ValueError where two passes
    are the same bits, as then there is nothing to learn."""

    def __init__(self, vectors: Callable[[Any, Any], Tensor], scale: float = 20.0) -> None:
        self.vectors, self.scale = vectors, scale

    def __call__(self, model: Any, batch: Any) -> Loss:
        one, other = self.vectors(model, batch), self.vectors(model, batch)
        if bool((one == other).all()):
            raise ValueError("two passes gave the same vectors: the model has no dropout, or is not in training mode")
        return Loss(hard_negative_loss(one, other, scale=self.scale), {})
