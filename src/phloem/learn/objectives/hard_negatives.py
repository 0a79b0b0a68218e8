"""Contrast with hard negatives that come with the data, and several right answers.

Of a batch of n queries q_i with their codes c_i and hard negatives h_j (any number)

    L = -mean_i log ( e^{s cos(q_i, c_i)} / ( Σ_j e^{s cos(q_i, c_j)} + Σ_j e^{s cos(q_i, h_j)} ) )

in the direction from query to code alone (BehnamGhader et al., "LLM2Vec", 2024, the supervised stage, s = 50; Chen et
al. 2024 fine-tune decoders for code search so). The general form for several right answers is `supervised_contrast`:
Khosla et al., "Supervised Contrastive Learning" (NeurIPS 2020, equation 2), over all rows z of both sides, with P(i)
the other rows of i's group,

    L = mean_i 1/|P(i)| Σ_{p in P(i)} -log ( e^{z_i·z_p / τ} / Σ_{a ≠ i} e^{z_i·z_a / τ} )
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from phloem.learn.objectives.base import Loss

SCALE = 50.0


def hard_negative_loss(
    queries: Float[Tensor, "pairs width"],
    codes: Float[Tensor, "pairs width"],
    negatives: Float[Tensor, "negatives width"] | None = None,
    *,
    scale: float = SCALE,
) -> Float[Tensor, ""]:
    """The loss of vectors, which are normed here."""
    candidates = codes if negatives is None else torch.cat([codes, negatives])
    scores = scale * normalize(queries, dim=1) @ normalize(candidates, dim=1).T
    return cross_entropy(scores, torch.arange(len(queries), device=scores.device))


def supervised_contrast(
    rows: Float[Tensor, "rows width"], groups: Int64[Tensor, " rows"], temperature: float = 0.05
) -> Float[Tensor, ""]:
    """Khosla's loss of unit vectors; rows that are alone in their group are anchors of nothing.

    Raises ValueError where all are."""
    own = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    positive = (groups[:, None] == groups) & ~own
    counts = positive.sum(dim=1)
    if not counts.any():
        raise ValueError("no two rows belong together")
    scores = (rows @ rows.T / temperature).masked_fill(own, -math.inf)
    losses = -scores.log_softmax(dim=1).masked_fill(~positive, 0.0).sum(dim=1)
    return (losses / counts.clamp(min=1))[counts > 0].mean()


class HardNegatives:
    """The objective of a model that maps a batch to vectors of queries, codes and hard negatives (or None)."""

    def __init__(self, scale: float = SCALE) -> None:
        self.scale = scale

    def __call__(self, model: Any, batch: Any) -> Loss:
        queries, codes, negatives = model(batch)
        value = hard_negative_loss(queries, codes, negatives, scale=self.scale)
        return Loss(value, {"negatives": float(0 if negatives is None else len(negatives))})
