"""Contrast of texts and codes against queues of a slow copy's vectors, with softened targets.

Li et al., "Align before Fuse" (ALBEF, NeurIPS 2021, sections 3.2 and 3.3), as CodeT5+ uses it (Wang et al. 2023, 3.1).
With the text's vector t, the slow copy's vectors of the batch's codes and of the queue c'_1 … c'_m, the slow text
vector t' and a learned temperature τ

    p = softmax(t · c' / τ)       y = α softmax(t' · c' / τ) + (1 - α) onehot       L = - Σ y log p

and the same from codes to texts; the mean of both. Without a queue the batch's own vectors are the candidates.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import one_hot

from phloem.learn.objectives.base import Loss

SOFT = 0.4  # α


def soft_contrast(
    own: Float[Tensor, "pairs width"],
    slow: Float[Tensor, "pairs width"],
    candidates: Float[Tensor, "candidates width"],
    temperature: Tensor | float,
    soft: float,
) -> Float[Tensor, ""]:
    """One direction; candidate i is the right one of row i."""
    right = one_hot(torch.arange(len(own), device=own.device), len(candidates)).to(own.dtype)
    with torch.no_grad():
        target = soft * (slow @ candidates.T / temperature).softmax(dim=1) + (1 - soft) * right
    return -(target * (own @ candidates.T / temperature).log_softmax(dim=1)).sum(dim=1).mean()


class QueueContrast:
    """`model` has `vectors` and `slow_vectors` of a batch (texts and codes), `temperature`, and queues `texts` and
    `codes` (None: in-batch negatives). In training the slow copy follows first and its vectors join the queues."""

    def __init__(self, soft: float = SOFT) -> None:
        self.soft = soft

    def __call__(self, model: Any, batch: Any) -> Loss:
        texts, codes = model.vectors(batch)
        temperature = model.temperature.clamp(0.01, 0.5)
        if model.texts is None:
            there = soft_contrast(texts, texts, codes, temperature, 0.0)
            back = soft_contrast(codes, codes, texts, temperature, 0.0)
            return Loss((there + back) / 2, {})
        with torch.no_grad():
            if model.training:
                model.follow()
            slow_texts, slow_codes = model.slow_vectors(batch)
        all_codes = torch.cat([slow_codes, model.codes.rows()])
        all_texts = torch.cat([slow_texts, model.texts.rows()])
        there = soft_contrast(texts, slow_texts, all_codes, temperature, self.soft)
        back = soft_contrast(codes, slow_codes, all_texts, temperature, self.soft)
        if model.training:
            model.texts.push(slow_texts)
            model.codes.push(slow_codes)
        return Loss((there + back) / 2, {})
