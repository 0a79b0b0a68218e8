"""Tags of places, and the relevance of what is read (CodeQueries, Sahu et al. 2024).

The loss of tags is the plain cross-entropy over all places, marks and padding included: these are of a class of their
own, which is learned too. Of the two classes of blocks the relevant one weighs twice.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy

from phloem.learn.objectives.base import Loss
from phloem.nn.models.span_tagger import TaggedRows


def tagging_loss(logits: Float[Tensor, "batch time tags"], tags: Int64[Tensor, "batch time"]) -> Float[Tensor, ""]:
    """Over all places."""
    return cross_entropy(logits.flatten(0, 1), tags.flatten())


class TokenTagging:
    """The objective of a `SpanTagger`."""

    def __call__(self, model: Any, batch: TaggedRows) -> Loss:
        return Loss(tagging_loss(model(batch), batch.tags), {})


def relevance_loss(logits: Float[Tensor, "batch 2"], relevant: Int64[Tensor, " batch"]) -> Float[Tensor, ""]:
    """Of irrelevant (0) and relevant (1) blocks."""
    return cross_entropy(logits, relevant, weight=torch.tensor([1.0, 2.0], dtype=logits.dtype, device=logits.device))
