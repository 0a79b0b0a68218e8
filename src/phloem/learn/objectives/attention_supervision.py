"""Cross-entropy of tags, and a penalty on heads that do not read what they should.

Weiss, Goldberg and Yahav, "Thinking Like Transformers" (2021, section 5): a RASP program says which positions each head
of each layer selects; the mean square of the difference between a head's attention and the selector, its rows divided
by their sums, is added to the loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from phloem.learn.objectives.base import Loss
from phloem.nn.models.tagger import IGNORED, TaggedBatch


@dataclass(frozen=True)
class AttentionSupervision:
    """`weight` 0 is plain cross-entropy. The mean square is taken over the rows of real places that have a target."""

    weight: float = 0.0

    def __call__(self, model: Any, batch: TaggedBatch) -> Loss:
        if not self.weight:
            value = _tags(model(batch), batch)
            return Loss(value, {})
        logits, attention = model.with_attention(batch)
        time = torch.arange(batch.tokens.shape[1], device=batch.tokens.device)
        real = (time < batch.lengths[:, None])[:, None, :, None]
        penalty = logits.new_zeros(())
        for weights, pattern in zip(attention, batch.patterns, strict=True):
            square = (weights[:, : pattern.shape[1]] - pattern) ** 2 * real
            penalty = penalty + square.sum() / (real.sum() * pattern.shape[1] * weights.shape[-1])
        tags = _tags(logits, batch)
        return Loss(tags + self.weight * penalty, {"tags": float(tags.detach()), "attention": float(penalty.detach())})


def _tags(logits: torch.Tensor, batch: TaggedBatch) -> torch.Tensor:
    return cross_entropy(logits.flatten(0, 1), batch.target.flatten(), ignore_index=IGNORED)
