"""Matching: a model that reads a text and a code together says whether they belong together.

Feng et al., "CodeBERT" (2020, section 4.1) take as wrong pairs ones whose text or code is another's, as many as right
ones. Li et al., "Align before Fuse" (NeurIPS 2021, section 3.2; for text and code Wang et al., "CodeT5+", 2023, section
3.1) take hard ones: for each text a code, and for each code a text, drawn with the probability of their similarity,

    p(j | i) = softmax_j( s_ij / τ ),  j not the pair itself nor one that says the same

and the loss is the binary cross-entropy over right and wrong pairs.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.contrastive import same_rows


def drawn(scores: Float[Tensor, "pairs pairs"], same: Bool[Tensor, "pairs pairs"]) -> Int64[Tensor, " pairs"]:
    """For each row a column that is not `same`, with the probability softmax(scores); its own where there is none."""
    allowed = ~same
    none = ~allowed.any(dim=1)
    chances = scores.detach().masked_fill(~allowed, -math.inf).masked_fill(none[:, None], 0.0).softmax(dim=1)
    chosen = torch.multinomial(chances, 1)[:, 0]
    return torch.where(none, torch.arange(len(scores), device=scores.device), chosen)


class Matching:
    """The objective of a model with `match(batch, texts, codes)`, the logits of pairs by their places in the batch.

    With `hard`, wrong pairs are drawn by `model.vectors(batch)` (unit vectors of texts and codes), two for each right
    pair; else one for each, its text or its code another's, each as likely. The batch has `query_key` and `code_key`.
    """

    def __init__(self, *, hard: bool = False, temperature: float = 0.07) -> None:
        self.hard, self.temperature = hard, temperature

    def __call__(self, model: Any, batch: Any) -> Loss:
        same = same_rows(batch.query_key, batch.code_key)
        same |= torch.eye(len(same), dtype=torch.bool)
        left, right = self.wrong(model, batch, same)
        own = torch.arange(len(same))
        wrong = ~same[left, right]  # none where a batch says one thing only
        left, right = torch.cat([own, left[wrong]]), torch.cat([own, right[wrong]])
        logits = model.match(batch, left, right)
        target = (torch.arange(len(left), device=logits.device) < len(own)).to(logits.dtype)
        value = binary_cross_entropy_with_logits(logits, target)
        accuracy = ((logits.detach() > 0) == (target > 0)).float().mean()
        return Loss(value, {"accuracy": float(accuracy)})

    def wrong(self, model: Any, batch: Any, same: Bool[Tensor, "pairs pairs"]) -> tuple[Tensor, Tensor]:
        """The texts and codes of the wrong pairs."""
        own = torch.arange(len(same))
        if self.hard:
            with torch.no_grad():
                texts, codes = model.vectors(batch)
            scores = (texts @ codes.T / self.temperature).cpu()
            return torch.cat([own, drawn(scores.T, same.T)]), torch.cat([drawn(scores, same), own])
        other = drawn(torch.zeros(same.shape), same)
        swap = torch.rand(len(own)) < 0.5
        return torch.where(swap, other, own), torch.where(swap, own, other)
